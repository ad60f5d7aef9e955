"""The signing keys in memory: one signs, all verify."""

import json
from dataclasses import dataclass
from typing import Any, Final

from joserfc.jwk import ECKey, KeySet
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import Sealer
from services.control_plane.oauth import repository
from services.control_plane.oauth.models import SigningKey

ALGORITHM: Final = "ES256"

_CURVE: Final = "P-256"


@dataclass(frozen=True, slots=True)
class Keys:
    current: ECKey
    public: KeySet


class KeyRing:
    """Loads the keys at start, and makes the first one."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock
        self._keys: Keys | None = None

    def load(self, session: Session) -> None:
        rows = repository.list_keys(session)
        if not rows:
            rows = [self._make(session)]
        current = ECKey.import_key(json.loads(self._sealer.unseal(rows[0].sealed_private_jwk)))
        public = KeySet([ECKey.import_key(json.loads(row.public_jwk)) for row in rows])
        self._keys = Keys(current, public)

    @property
    def current(self) -> ECKey:
        return self._loaded.current

    @property
    def public(self) -> KeySet:
        return self._loaded.public

    def jwks(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs (RFC 7517)."""
        return [dict(key.as_dict(private=False)) for key in self.public.keys]

    @property
    def _loaded(self) -> Keys:
        if self._keys is None:
            raise RuntimeError("the keys are not loaded yet")
        return self._keys

    def _make(self, session: Session) -> SigningKey:
        key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        row = SigningKey(
            id=str(key.kid),
            algorithm=ALGORITHM,
            public_jwk=json.dumps(key.as_dict(private=False)),
            sealed_private_jwk=self._sealer.seal(json.dumps(key.as_dict(private=True))),
            created_at=self._clock(),
        )
        session.add(row)
        session.flush()
        return row
