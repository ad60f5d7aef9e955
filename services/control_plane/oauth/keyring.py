"""The signing keys in memory: one signs, all verify."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from joserfc.jwk import ECKey, KeyParameters, KeySet, OKPKey, RSAKey, import_key
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import Sealer
from services.control_plane.oauth import repository
from services.control_plane.oauth.models import KeyPurpose, SigningKey
from shared.assertions import ASSERTION_ALGORITHM

SigningAlgorithm = Literal["ES256", "RS256", "EdDSA"]
Key = ECKey | RSAKey | OKPKey

_JOSE_NAMES: Final[Mapping[str, str]] = {"ES256": "ES256", "RS256": "RS256", "EdDSA": "Ed25519"}
"""What an algorithm is called in tokens and keys. RFC 9864 has put `Ed25519` in the place of `EdDSA`."""

PURPOSES: Final[tuple[KeyPurpose, ...]] = get_args(KeyPurpose)

_RSA_BITS: Final = 2048


ASSERTION_KEY_SECONDS: Final = 24 * 3600
"""How long a retired assertion key stays published: a pod that is cut off goes on with it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """`current` signs access tokens, and `public` verifies them: no assertion key is among these."""

    current: Key
    public: KeySet
    assertions: KeySet
    sealed_assertion_key: str

    def jwks(self) -> list[dict[str, Any]]:
        """Return all public keys as JWKs (RFC 7517)."""
        return [*as_jwks(self.public), *as_jwks(self.assertions)]


class KeyRing:
    """Makes keys, and holds those in use. Beside the one that signs there is always the next one.

    So pods and backends know a key before anything is signed with it. Private keys for tokens are sealed with `sealer`,
    those for assertions with `pod_sealer`, whose key the pods are given.
    """

    def __init__(self, sealer: Sealer, pod_sealer: Sealer, algorithm: SigningAlgorithm, clock: Clock) -> None:
        self._sealer = sealer
        self._pod_sealer = pod_sealer
        self._algorithm = _JOSE_NAMES[algorithm]
        self._clock = clock
        self._keys: Keys | None = None

    def prepare(self, session: Session) -> None:
        """Make the keys that are missing. The next one is of the algorithm that is set."""
        for purpose in PURPOSES:
            rows = repository.keys_for(purpose, repository.list_keys(session))
            if repository.current_key(rows) is None:
                self.make(session, purpose).activated_at = self._clock()
            upcoming = repository.next_key(rows)
            if upcoming is not None and upcoming.algorithm != self._algorithm_for(purpose):
                session.delete(upcoming)
                upcoming = None
            if upcoming is None:
                self.make(session, purpose)
        session.flush()

    def load(self, session: Session) -> None:
        """Use what the database has: another process may have changed it."""
        self.use(self.read(session))

    def use(self, keys: Keys) -> None:
        """Sign and verify with these from now on. They must be committed: a key that isn't kept must sign nothing."""
        self._keys = keys

    def read(self, session: Session) -> Keys:
        """Return the keys of the database as this transaction sees them."""
        found = repository.list_keys(session)
        rows, asserting = (repository.keys_for(purpose, found) for purpose in PURPOSES)
        current, assertion = repository.current_key(rows), repository.current_key(asserting)
        if current is None or assertion is None:
            raise RuntimeError("there is no signing key")
        if self._keys is None or self._keys.current.kid != current.id:
            private = _import(self._sealer.unseal(current.sealed_private_jwk))
        else:
            private = self._keys.current
        return Keys(private, _public(rows), _public(asserting), assertion.sealed_private_jwk)

    def make(self, session: Session, purpose: KeyPurpose) -> SigningKey:
        """Add a key that signs nothing yet."""
        key = _generate(self._algorithm_for(purpose))
        for_pods = purpose == "assertion"
        sealer = self._pod_sealer if for_pods else self._sealer
        row = SigningKey(
            id=str(key.kid),
            purpose=purpose,
            algorithm=str(key.alg),
            public_jwk=json.dumps(key.as_dict(private=False)),
            sealed_private_jwk=sealer.seal(json.dumps(key.as_dict(private=True))),
            longest_validity_seconds=ASSERTION_KEY_SECONDS if for_pods else repository.longest_validity(session),
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

    def _algorithm_for(self, purpose: KeyPurpose) -> str:
        # Pods sign at handshakes: with what costs least.
        return ASSERTION_ALGORITHM if purpose == "assertion" else self._algorithm

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


def as_jwks(keys: KeySet) -> list[dict[str, Any]]:
    return [dict(key.as_dict(private=False)) for key in keys.keys]


def _public(rows: Sequence[SigningKey]) -> KeySet:
    return KeySet([_import(row.public_jwk) for row in rows])
