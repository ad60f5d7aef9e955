"""The way in: from Redis to the route table. Loads everything once, then follows the stream of changes.

Within an epoch a pod never goes back: where Redis is older, as after a restore from a backup, the pod waits until the
control plane has filled it again.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.backoff import draw_delay
from services.data_plane.contents import Bodies, Contents, digest_bodies, no_collections, read_contents
from services.data_plane.snapshot import Snapshot, SnapshotFile
from services.data_plane.streams import Entry, entries_of
from services.data_plane.table import RouteTable
from services.data_plane.threads import in_thread
from services.data_plane.ticks import lull
from shared import keys
from shared.catalogue import KINDS, Change, Mark, read_kinds
from shared.definition import DEFAULT_ENVIRONMENT

log = logging.getLogger(__name__)

FOLLOW_MILLISECONDS = 1000
FOLLOW_COUNT = 1000
POLL_SECONDS = 1.0
WITNESS_SECONDS = 30
CONFIRM_SECONDS = 10.0
"""How often the time until which the configuration is known to be current is kept on disk."""

SAVE_SECONDS = 5.0
"""Between two times that all of it is written, however often it changes."""


class OutOfStepError(Exception):
    """What was read is not whole, or doesn't follow what is held: everything is loaded anew."""


class Catalogue:
    """What the control plane published, as far as this pod has it.

    Nothing read from Redis that is missing, empty by accident or malformed removes an API: the table is only ever
    replaced by one that is whole by its digest.
    """

    def __init__(
        self,
        redis: Redis,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        snapshot: SnapshotFile | None = None,
        environment: str = DEFAULT_ENVIRONMENT,
    ) -> None:
        """`clock` is monotonic; both are in seconds. The pod begins with what `snapshot` holds.

        Of the APIs it serves those that are deployed to its `environment`.
        """
        self._redis = redis
        self._clock = clock
        self._wall_clock = wall_clock
        self._snapshot = snapshot
        self._saved: Mark | None = None
        self._unsaved = asyncio.Event()
        self._contents = Contents()
        self._confirmed_at = 0.0
        self._whole = True
        self.table = RouteTable(environment=environment)
        self.changed = asyncio.Event()
        self.mark: Mark | None = None
        self.ahead = False
        self.unsealing_key: str | None = None

    @property
    def refused(self) -> Mapping[tuple[str, str], str]:
        """What can't be read of what is published, and why."""
        return self._contents.refused

    @property
    def age_seconds(self) -> float | None:
        """How long ago the table was last known to be current; None before the first load."""
        return None if self.mark is None else self._clock() - self._confirmed_at

    async def run(self) -> None:
        """Keep the table current until cancelled. Redis may come and go."""
        await self._restore()
        failures = 0
        while True:
            try:
                await self._step()
                failures = 0
            except (OutOfStepError, RedisError, OSError, ValueError) as error:  # a ValueError: what is no UTF-8
                self._whole = self._whole and not isinstance(error, OutOfStepError)
                failures += 1
                delay = draw_delay(failures)
                log.warning("the catalogue can't be followed, trying again in %.2f s: %s", delay, error)
                await asyncio.sleep(delay)

    async def _step(self) -> None:
        there, mine = await self._read_mark(), self.mark
        if mine is not None and mine.is_ahead_of(there):
            await self._bear_witness(mine, there)
            await asyncio.sleep(POLL_SECONDS)
            return
        self.ahead = False
        if there is None:
            await asyncio.sleep(POLL_SECONDS)
        elif not self._whole or mine is None or self._is_another(mine, there):
            await self._load()
        else:
            if mine.revision == there.revision:
                self._confirmed_at = self._clock()
            await self._follow(mine, there)

    async def _read_mark(self) -> Mark | None:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.CATALOGUE_STATE)
            pipe.get(keys.CATALOGUE_KEY)
            state, key = await pipe.execute()
        # A Redis that was emptied takes no key away: it is given the same one again.
        self.unsealing_key = key or self.unsealing_key
        return Mark.read(state)

    @staticmethod
    def _is_another(mine: Mark, there: Mark) -> bool:
        """Tell whether Redis holds another history: of another epoch, or with other contents."""
        return mine.epoch != there.epoch or (mine.revision == there.revision and mine.digest != there.digest)

    async def _bear_witness(self, mine: Mark, there: Mark | None) -> None:
        """Tell the control plane what this pod has and Redis has not: it may be the database that went back."""
        if not self.ahead:
            found = f"revision {there.revision}" if there else "nothing"
            log.warning("Redis went back to %s: keeping revision %d", found, mine.revision)
        self.ahead = True
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.CATALOGUE_WITNESSES, {mine.epoch: mine.revision}, gt=True)
            pipe.expire(keys.CATALOGUE_WITNESSES, WITNESS_SECONDS)
            await pipe.execute()

    async def _load(self) -> None:
        kinds = read_kinds(cast("dict[str, str]", await self._redis.hgetall(keys.CATALOGUE_STATE)))
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.CATALOGUE_STATE)
            for kind in kinds:
                pipe.hgetall(keys.catalogue_objects(kind))
            state, *hashes = await pipe.execute()
        mark = Mark.read(state)
        bodies: dict[str, dict[str, str]] = dict(zip(kinds, hashes, strict=True))
        if mark is None or read_kinds(state) != kinds or await digest_bodies(bodies) != mark.digest:
            raise OutOfStepError("the objects in Redis are not whole")
        if self.mark is not None and self.mark.is_ahead_of(mark):
            return  # it went back since its mark was read
        await self._replace(bodies, mark)
        self._whole = True
        log.info("loaded revision %d: %d APIs", mark.revision, len(self.table.apis))

    async def _replace(self, bodies: Bodies, mark: Mark) -> None:
        """Take another catalogue: it is made aside, a little at a time, and served as a whole."""
        first, table = self.mark is None, self.table
        with no_collections():
            contents = await read_contents(bodies, self._contents)
            for kind, objects in contents.objects.items():
                if objects != self._contents.objects[kind]:
                    table = table.with_objects(kind, dict(objects))
                    await asyncio.sleep(0)
            self._contents = contents
            self._swap(table, mark)
            if first:
                gc.freeze()  # no connection is there yet, and most of it is there to stay

    async def _restore(self) -> None:
        """Begin with the last good catalogue: it is followed on, or replaced, as soon as Redis answers."""
        found = await in_thread(self._snapshot.load) if self._snapshot else None
        if found is None:
            return
        self.unsealing_key = self.unsealing_key or found.unsealing_key
        await self._replace(found.bodies, found.mark)
        self._confirmed_at = self._clock() - max(0.0, self._wall_clock() - found.confirmed_at)
        self._saved = found.mark
        log.info("beginning with revision %d, from the snapshot", found.mark.revision)

    async def save(self) -> None:
        """Keep what is served for a start without Redis, until cancelled. A disk that fails or hangs stops nothing."""
        while self._snapshot is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await self._unsaved.wait()
            self._unsaved.clear()
            writes_all = self.mark != self._saved
            try:
                await self._save(self._snapshot)
            except OSError as error:
                log.warning("the snapshot can't be written: %s", error)
            if writes_all:
                await asyncio.sleep(SAVE_SECONDS)

    async def _save(self, file: SnapshotFile) -> None:
        mark, age_seconds = self.mark, self.age_seconds
        if mark is None or age_seconds is None:
            return
        confirmed_at = self._wall_clock() - age_seconds
        if mark == self._saved:
            await in_thread(file.confirm, mark, confirmed_at)
            return
        snapshot = Snapshot(mark, self._contents.copy_bodies(), self.unsealing_key, confirmed_at)
        await in_thread(file.save, snapshot)
        self._saved = mark

    async def _follow(self, mark: Mark, there: Mark) -> None:
        answer = await self._redis.xread(
            {keys.CATALOGUE_STREAM: f"{mark.revision}-0"}, count=FOLLOW_COUNT, block=FOLLOW_MILLISECONDS
        )
        entries = entries_of(answer)
        if not entries:
            if there.revision > mark.revision:
                raise OutOfStepError(f"the stream holds nothing behind revision {mark.revision}")
            await lull()
            return
        changes = _read_changes(entries, mark)
        digest = mark.digest
        for change in changes:
            digest = self._contents.change(digest, change)
        table = self.table
        for kind in KINDS.keys() & {change.kind for change in changes}:
            table = table.with_objects(kind, dict(self._contents.objects[kind]))
        self._swap(table, Mark(mark.epoch, changes[-1].revision, digest))

    def _swap(self, table: RouteTable, mark: Mark) -> None:
        self.table, self.mark = table, mark
        self.changed.set()
        self._unsaved.set()
        self._confirmed_at = self._clock()


def _read_changes(entries: Iterable[Entry], mark: Mark) -> list[Change]:
    """Return what a stream says behind a mark: all of it is good, before any of it is applied."""
    revision = mark.revision
    changes: list[Change] = []
    for entry_id, fields in entries:
        try:
            change = Change.read(entry_id, fields)
        except (KeyError, ValueError) as error:
            raise OutOfStepError(f"entry {entry_id} is malformed") from error
        if change.revision != revision + 1:
            raise OutOfStepError(f"revision {change.revision} follows {revision}")
        revision = change.revision
        changes.append(change)
    if changes[0].before not in (None, mark.digest):
        raise OutOfStepError(f"revision {changes[0].revision} follows other contents")
    return changes
