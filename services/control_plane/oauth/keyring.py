"""The signing keys in memory: one signs, all verify."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from joserfc.jwk import ECKey, KeyParameters, KeySet, OKPKey, RSAKey, import_key
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import Sealer
from services.control_plane.oauth import repository
from services.control_plane.oauth.models import SigningKey

SigningAlgorithm = Literal["ES256", "RS256", "EdDSA"]
Key = ECKey | RSAKey | OKPKey

_JOSE_NAMES: Final[Mapping[str, str]] = {"ES256": "ES256", "RS256": "RS256", "EdDSA": "Ed25519"}
"""What an algorithm is called in tokens and keys. RFC 9864 has put `Ed25519` in the place of `EdDSA`."""

_RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Keys:
    current: Key
    public: KeySet

    def jwks(self) -> list[dict[str, Any]]:
        """Return the public keys as JWKs (RFC 7517)."""
        return [dict(key.as_dict(private=False)) for key in self.public.keys]


class KeyRing:
    """Makes keys, and holds those in use. Beside the one that signs there is always the next one.

    So the pods know a key before anything is signed with it.
    """

    def __init__(self, sealer: Sealer, algorithm: SigningAlgorithm, clock: Clock) -> None:
        self._sealer = sealer
        self._algorithm = _JOSE_NAMES[algorithm]
        self._clock = clock
        self._keys: Keys | None = None

    def prepare(self, session: Session) -> None:
        """Make the keys that are missing. The next one is of the algorithm that is set."""
        rows = repository.list_keys(session)
        if repository.current_key(rows) is None:
            self.make(session).activated_at = self._clock()
        upcoming = repository.next_key(rows)
        if upcoming is not None and upcoming.algorithm != self._algorithm:
            session.delete(upcoming)
            upcoming = None
        if upcoming is None:
            self.make(session)
        session.flush()

    def load(self, session: Session) -> None:
        """Use what the database has: another process may have changed it."""
        self.use(self.read(session))

    def use(self, keys: Keys) -> None:
        """Sign and verify with these from now on. They must be committed: a key that isn't kept must sign nothing."""
        self._keys = keys

    def read(self, session: Session) -> Keys:
        """Return the keys of the database as this transaction sees them."""
        rows = repository.list_keys(session)
        current = repository.current_key(rows)
        if current is None:
            raise RuntimeError("there is no signing key")
        if self._keys is None or self._keys.current.kid != current.id:
            private = _import(self._sealer.unseal(current.sealed_private_jwk))
        else:
            private = self._keys.current
        return Keys(private, _public(rows))

    def make(self, session: Session) -> SigningKey:
        """Add a key that signs nothing yet."""
        key = _generate(self._algorithm)
        row = SigningKey(
            id=str(key.kid),
            algorithm=self._algorithm,
            public_jwk=json.dumps(key.as_dict(private=False)),
            sealed_private_jwk=self._sealer.seal(json.dumps(key.as_dict(private=True))),
            longest_validity_seconds=repository.longest_validity(session),
            created_at=self._clock(),
        )
        session.add(row)
        session.flush()
        return row

    @property
    def current(self) -> Key:
        return self._loaded.current

    @property
    def public(self) -> KeySet:
        return self._loaded.public

    def jwks(self) -> list[dict[str, Any]]:
        return self._loaded.jwks()

    @property
    def _loaded(self) -> Keys:
        if self._keys is None:
            raise RuntimeError("the keys are not loaded yet")
        return self._keys


def _generate(algorithm: str) -> Key:
    parameters: KeyParameters = {"use": "sig", "alg": algorithm}
    if algorithm == "RS256":
        return RSAKey.generate_key(_RSA_BITS, parameters, auto_kid=True)
    if algorithm == "Ed25519":
        return OKPKey.generate_key("Ed25519", parameters, auto_kid=True)
    return ECKey.generate_key("P-256", parameters, auto_kid=True)


def _import(jwk: str) -> Key:
    return cast("Key", import_key(json.loads(jwk)))  # no key of another type was ever made


def _public(rows: Sequence[SigningKey]) -> KeySet:
    return KeySet([_import(row.public_jwk) for row in rows])
