"""What travels from the control plane to the pods: objects by kind and id, and their changes in order."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from shared.api_keys import ApiKeyDefinition
from shared.blocks import BlockDefinition
from shared.claims import IssuerDefinition
from shared.contract import Contract
from shared.definition import ApiDefinition
from shared.limits import Policy
from shared.subscription import ApplicationDefinition, KeyDefinition, SubscriptionDefinition

KINDS: Final[Mapping[str, type[Contract]]] = {
    "issuer": IssuerDefinition,
    "policy": Policy,
    "api": ApiDefinition,
    "application": ApplicationDefinition,
    "key": KeyDefinition,
    "subscription": SubscriptionDefinition,
    "block": BlockDefinition,
    "api_key": ApiKeyDefinition,
}

KINDS_FIELD: Final = "kinds"
"""In the state: of which kinds the digest tells. A pod that doesn't know one holds its objects unread."""

STREAM_LENGTH: Final = 10_000
"""About how many changes the stream keeps. A pod that fell further behind loads everything anew."""

_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Change:
    """One revision: an object's new body as JSON, or None where it was removed."""

    revision: int
    kind: str
    id: str
    body: str | None
    before: str | None = None
    """The digest of what it was made to, or None where nobody knows: a restored database may use a revision twice."""

    def fields(self) -> dict[str, str]:
        """Return the stream entry's fields."""
        fields = {"kind": self.kind, "id": self.id, "body": self.body, "before": self.before}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def read(cls, entry_id: str, fields: Mapping[str, str]) -> Self:
        """Return the change that a stream entry says. Raises `KeyError` or `ValueError`."""
        return cls(
            int(entry_id.partition("-")[0]), fields["kind"], fields["id"], fields.get("body"), fields.get("before")
        )


@dataclass(frozen=True, slots=True)
class Mark:
    """What a holder of the catalogue has: equal marks mean equal contents."""

    epoch: str
    revision: int
    digest: str

    def is_ahead_of(self, other: "Mark | None") -> bool:
        """Tell whether this is more than nothing, or newer than another mark of the same epoch."""
        return other is None or (self.epoch == other.epoch and self.revision > other.revision)

    def fields(self) -> dict[str, str]:
        return {"epoch": self.epoch, "revision": str(self.revision), "digest": self.digest}

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Self | None:
        """Return the mark in Redis, or None where nothing was ever written, or not whole."""
        try:
            return cls(fields["epoch"], int(fields["revision"]), fields["digest"])
        except (KeyError, ValueError):
            return None


def read_kinds(state: Mapping[str, str]) -> tuple[str, ...]:
    """Return the kinds that the state names; those of this version where a version wrote it that named none."""
    return tuple(state[KINDS_FIELD].split(",")) if KINDS_FIELD in state else tuple(KINDS)


NO_DIGEST: Final = f"{0:064x}"


def digest_objects(objects: Iterable[tuple[str, str, str]], others: str = NO_DIGEST) -> str:
    """Return the digest of (kind, id, body) triples, and of `others` whose digest is known."""
    return f"{sum((_hash(*item) for item in objects), int(others, 16)) % _MODULUS:064x}"


def digest_change(digest: str, kind: str, id_: str, old: str | None, new: str | None) -> str:
    """Return the digest after one object's body changed from `old` to `new`.

    The digest is the sum of the objects' hashes, modulo 2**256: the order doesn't matter, and a change costs the same
    however many objects there are (Bellare and Micciancio, AdHash, 1997).
    """
    value = int(digest, 16)
    if old is not None:
        value -= _hash(kind, id_, old)
    if new is not None:
        value += _hash(kind, id_, new)
    return f"{value % _MODULUS:064x}"


def _hash(kind: str, id_: str, body: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{kind}\0{id_}\0{body}".encode()).digest())
