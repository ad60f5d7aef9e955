"""The catalogue in Redis, as the pods find it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal, cast

from redis import Redis
from redis.exceptions import WatchError

from shared import keys
from shared.catalogue import KINDS, KINDS_FIELD, STREAM_LENGTH, Change, Mark, read_kinds

Outcome = Literal["ok", "old", "gap"]

_MOST_EPOCHS: Final = 16
_HIGHEST_REVISION: Final = 2**53  # that a score holds exactly

_PUSH: Final = files(__package__).joinpath("push.lua").read_text()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of the catalogue at one moment, and the changes that led to it as far as they are kept."""

    mark: Mark
    objects: Sequence[tuple[str, str, str]]
    changes: Sequence[Change]


class Mirror:
    """Writes the catalogue to Redis. Every write is whole, and none goes back behind another."""

    def __init__(self, redis: Redis, unsealing_key: str) -> None:
        self._redis = redis
        self._unsealing_key = unsealing_key

    def read_mark(self) -> Mark | None:
        """Return what Redis holds, or None where that is nothing, or nothing whole."""
        return _read(cast("dict[str, str]", self._redis.hgetall(keys.CATALOGUE_STATE)))

    def read_witnesses(self) -> Mapping[str, int]:
        """Return, by epoch, the latest revision that a pod has and did not find in Redis."""
        found = self._redis.zrevrangebyscore(
            keys.CATALOGUE_WITNESSES, _HIGHEST_REVISION, 0, start=0, num=_MOST_EPOCHS, withscores=True
        )
        return {epoch: int(revision) for epoch, revision in cast("list[tuple[str, float]]", found)}

    def offer_key(self) -> None:
        """Give the pods the key that opens what is sealed in the catalogue: in Redis alone, never in SQL."""
        self._redis.set(keys.CATALOGUE_KEY, self._unsealing_key)

    def push(self, epoch: str, before: str, changes: Sequence[tuple[Change, str]]) -> list[Outcome]:
        """Send changes, each with the digest after it, in one round trip. `before` is empty where nobody knows it."""
        pipe: Any  # by name: redis-py's method is closed for the pipelines of clusters
        with self._redis.pipeline(transaction=False) as pipe:
            for change, digest in changes:
                body = [] if change.body is None else [change.body]
                places = keys.CATALOGUE_STATE, keys.CATALOGUE_STREAM, keys.catalogue_objects(change.kind)
                arguments = epoch, change.revision, before, digest, STREAM_LENGTH, change.kind, change.id, *body
                pipe.execute_command("EVAL", _PUSH, len(places), *places, *arguments)
                before = digest
            return cast("list[Outcome]", pipe.execute())

    def replace(self, snapshot: Snapshot, expected: Mark | None) -> bool:
        """Put a snapshot in the place of all there is, if Redis still holds what is expected."""
        pipe: Any  # the client's types know neither WATCH nor plain strings
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.watch(keys.CATALOGUE_STATE)
            state = pipe.hgetall(keys.CATALOGUE_STATE)
            if _read(state) != expected:
                return False
            # A newer version that shares the database may have others.
            kinds = KINDS.keys() | {kind for kind, _, _ in snapshot.objects}
            pipe.multi()
            pipe.delete(keys.CATALOGUE_STREAM, keys.CATALOGUE_STATE)
            pipe.delete(*map(keys.catalogue_objects, kinds.union(read_kinds(state))))
            for kind, id_, body in snapshot.objects:
                pipe.hset(keys.catalogue_objects(kind), id_, body)
            for change in snapshot.changes:
                pipe.xadd(keys.CATALOGUE_STREAM, change.fields(), id=f"{change.revision}-0")
            pipe.hset(keys.CATALOGUE_STATE, mapping={**snapshot.mark.fields(), KINDS_FIELD: ",".join(sorted(kinds))})
            try:
                pipe.execute()
            except WatchError:
                return False
        return True


def _read(state: Mapping[str, str]) -> Mark | None:
    """Return the mark, or None where the state doesn't name each of our kinds: an older version wrote it."""
    return Mark.read(state) if KINDS_FIELD in state and KINDS.keys() <= set(read_kinds(state)) else None
