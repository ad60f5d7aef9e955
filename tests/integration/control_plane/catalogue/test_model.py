"""The push protocol, whatever crashes at whichever step: the planes' own code on a real SQLite and Redis, by a model.

What a pod holds is always something that the database held, whole; within an epoch a pod never goes back; and once
nothing fails any more, database, Redis and all pods hold the same.
"""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlmodel import col, select

from services.control_plane.catalogue import outbox, repository
from services.control_plane.catalogue.mirror import Mirror, Outcome, Snapshot
from services.control_plane.catalogue.models import OutboxEntry
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.data_plane import catalogue as following
from services.data_plane.catalogue import Catalogue, OutOfStepError
from services.data_plane.snapshot import SnapshotFile
from shared import keys
from shared.catalogue import Change, Mark
from tests.integration.control_plane.catalogue.conftest import make_pusher, policy_of
from tests.integration.data_plane.throttle.network import check

Fate = Literal["heard", "unsent", "unheard"]
"""What becomes of a write to Redis: it is done and answered, or lost, or done and its answer lost."""

Objects = frozenset[tuple[str, str, str]]

NAMES = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
FATES: st.SearchStrategy[Fate] = st.sampled_from(["heard", "heard", "unsent", "unheard"])
PODS = PUSHERS = 2
SETTLED = 4


class CrashingMirror(Mirror):
    """A mirror whose process dies, or whose network fails, at a write."""

    fate: Fate = "heard"

    def push(self, epoch: str, before: str, changes: Sequence[tuple[Change, str]]) -> list[Outcome]:
        with self._fail():
            return super().push(epoch, before, changes)

    def replace(self, snapshot: Snapshot, expected: Mark | None) -> bool:
        with self._fail():
            return super().replace(snapshot, expected)

    @contextmanager
    def _fail(self) -> Iterator[None]:
        if self.fate == "unsent":
            raise RedisConnectionError
        yield
        if self.fate == "unheard":
            raise RedisConnectionError


@dataclass
class Site:
    """What lives through all examples."""

    template: Path
    folder: Path
    redis: Redis
    async_redis: AsyncRedis
    runner: asyncio.Runner

    @property
    def path(self) -> Path:
        return self.folder / "framegate.db"


class Pod:
    """A pod that follows one step at a time, with what it keeps on disk."""

    def __init__(self, site: Site, name: str) -> None:
        self._site = site
        self._file = site.folder / f"{name}.json"
        self.start()

    def start(self, *, with_disk: bool = True) -> None:
        if not with_disk:
            for path in self._site.folder.glob(f"{self._file.name}*"):
                path.unlink()
        self._snapshot = SnapshotFile(self._file)
        self.catalogue = Catalogue(self._site.async_redis, time.monotonic, time.monotonic, self._snapshot)
        self._site.runner.run(self.catalogue._restore())

    def step(self) -> None:
        with suppress(OutOfStepError):
            self._site.runner.run(self._step())

    async def _step(self) -> None:
        try:
            await self.catalogue._step()
        except OutOfStepError:
            self.catalogue._whole = False  # as `run` does
            raise

    def save(self) -> None:
        self._site.runner.run(self.catalogue._save(self._snapshot))

    @property
    def held(self) -> tuple[Mark, Objects] | None:
        mark = self.catalogue.mark
        bodies = self.catalogue._contents.bodies
        objects = frozenset((kind, id_, body) for kind, found in bodies.items() for id_, body in found.items())
        return None if mark is None else (mark, objects)


class Pushing(RuleBasedStateMachine):
    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        site.redis.flushall()
        for path in site.folder.glob("*"):
            path.unlink()
        shutil.copy(site.template, site.path)
        self.database = Database(f"sqlite:///{site.path}")
        with self.database.writing() as session:
            outbox.prepare(session)
        self.history: dict[Mark, Objects] = {}
        self.dump: dict[str, bytes] = {}
        self.last: list[Mark | None] = [None] * PODS

    @initialize()
    def begin(self) -> None:
        self.mirrors = [CrashingMirror(self.site.redis, "key") for _ in range(PUSHERS)]
        self.pushers = [self.make_pusher(mirror) for mirror in self.mirrors]
        self.pods = [Pod(self.site, f"pod-{index}") for index in range(PODS)]
        self.note()
        self.publish(["a", "b"], 1)

    def make_pusher(self, mirror: Mirror) -> Pusher:
        pusher = make_pusher(self.database, self.site.redis)
        pusher._mirror = mirror
        return pusher

    def note(self) -> None:
        """Remember every state that the database has been in."""
        with self.database.reading() as session:
            state = repository.get_state(session).mark
            objects = frozenset((item.kind, item.id, item.body) for item in repository.list_objects(session))
            entries = session.exec(select(OutboxEntry).order_by(col(OutboxEntry.revision).desc())).all()
        self.history[state] = objects
        # Back through the transaction's single changes, each of which is a revision too.
        for entry, before in pairwise(entries):
            known = Mark(state.epoch, before.revision, before.digest)
            if known in self.history:
                break
            self.history[known] = self.undo(entry, Mark(state.epoch, entry.revision, entry.digest))

    def undo(self, entry: OutboxEntry, after: Mark) -> Objects:
        objects = {(kind, id_): body for kind, id_, body in self.history[after]}
        objects.pop((entry.kind, entry.id), None)
        with self.database.reading() as session:
            earlier = session.exec(
                select(OutboxEntry)
                .where(
                    OutboxEntry.kind == entry.kind, OutboxEntry.id == entry.id, OutboxEntry.revision < entry.revision
                )
                .order_by(col(OutboxEntry.revision).desc())
            ).first()
        if earlier is not None and earlier.body is not None:
            objects[entry.kind, entry.id] = earlier.body
        return frozenset((kind, id_, body) for (kind, id_), body in objects.items())

    # What people and processes do.

    @rule(names=NAMES, amount=st.sampled_from([1, 2, None]))
    def commit(self, names: list[str], amount: int | None) -> None:
        with self.database.writing() as session:
            for name in names:
                policy = policy_of(name, amount) if amount is not None else None
                outbox.record(session, "policy", name, policy, system_clock())
        self.note()

    @rule(names=NAMES, amount=st.sampled_from([3, 4, None]))
    def publish(self, names: list[str], amount: int | None) -> None:
        """Have all go well: so there is something to lose."""
        self.commit(names, amount)
        self.reconcile(0, "heard")
        self.push(0, "heard")
        for pod in self.pods:
            pod.step()
            pod.step()

    @rule(index=st.integers(0, PUSHERS - 1), fate=FATES)
    def push(self, index: int, fate: Fate) -> None:
        self.mirrors[index].fate = fate
        with suppress(RedisConnectionError):
            self.pushers[index]._drain()
        self.note()

    @rule(index=st.integers(0, PUSHERS - 1), fate=FATES)
    def reconcile(self, index: int, fate: Fate) -> None:
        self.mirrors[index].fate = fate
        with suppress(RedisConnectionError):
            self.pushers[index].reconcile()
        self.note()

    @rule(index=st.integers(0, PODS - 1))
    def follow(self, index: int) -> None:
        self.pods[index].step()

    @rule(index=st.integers(0, PODS - 1))
    def save(self, index: int) -> None:
        self.pods[index].save()

    # What goes wrong.

    @rule(index=st.integers(0, PODS - 1), with_disk=st.booleans())
    def kill(self, index: int, *, with_disk: bool) -> None:
        self.pods[index].start(with_disk=with_disk)
        self.last[index] = None  # what it had taken and not saved is gone with it

    @rule()
    def flush(self) -> None:
        self.site.redis.flushall()

    @rule()
    def trim(self) -> None:
        self.site.redis.xtrim(keys.CATALOGUE_STREAM, maxlen=1, approximate=False)

    @rule()
    def back_up_redis(self) -> None:
        found = cast("list[str]", self.site.redis.keys("fg:{catalogue}:*"))
        with Redis.from_url(_url(self.site.redis)) as raw:
            self.dump = {name: cast("bytes", raw.dump(name)) for name in found if raw.exists(name)}

    @precondition(lambda self: self.dump)
    @rule()
    def restore_redis(self) -> None:
        self.site.redis.flushall()
        with Redis.from_url(_url(self.site.redis)) as raw:
            for name, value in self.dump.items():
                raw.restore(name, 0, value)

    @rule()
    def back_up_sql(self) -> None:
        _copy(self.site.path, self.site.folder / "backup")

    @precondition(lambda self: (self.site.folder / "backup").exists())
    @rule()
    def restore_sql(self) -> None:
        _copy(self.site.folder / "backup", self.site.path)

    @rule(names=NAMES, amount=st.sampled_from([5, 6, None]))
    def forget(self, names: list[str], amount: int | None) -> None:
        """Have the database lose what all others heard from it."""
        self.back_up_sql()
        self.publish(names, amount)
        self.restore_sql()

    # What must hold.

    @invariant()
    def pods_hold_what_was_true_once(self) -> None:
        for pod in getattr(self, "pods", ()):
            if pod.held is not None:
                mark, objects = pod.held
                assert self.history[mark] == objects

    @invariant()
    def no_pod_goes_back_within_an_epoch(self) -> None:
        """Compare with its last mark alone: a dump from before an epoch is loaded until the control plane compares."""
        for index, pod in enumerate(getattr(self, "pods", ())):
            mark, last = pod.catalogue.mark, self.last[index]
            if last is not None:
                assert mark is not None
                assert mark.epoch != last.epoch or mark.revision >= last.revision
            self.last[index] = mark

    def teardown(self) -> None:
        if hasattr(self, "pods"):
            self.settle()
        self.database.close()

    def settle(self) -> None:
        """Let all of them be: they come to the same."""
        for mirror in self.mirrors:
            mirror.fate = "heard"
        for _ in range(SETTLED):
            for pod in self.pods:
                pod.step()
            for pusher in self.pushers:
                pusher.reconcile()
                pusher._drain()
        with self.database.reading() as session:
            ours = repository.get_state(session).mark
            objects = frozenset((item.kind, item.id, item.body) for item in repository.list_objects(session))
        assert Mark.read(cast("dict[str, str]", self.site.redis.hgetall(keys.CATALOGUE_STATE))) == ours
        for pod in self.pods:
            pod.step()
            assert pod.held == (ours, objects)


def _url(redis: Redis) -> str:
    known: dict[str, Any] = redis.connection_pool.connection_kwargs
    return f"redis://{known['host']}:{known['port']}/{known['db']}"


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it is at this moment, over another that may be open."""
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)


@pytest.fixture
def site(sqlite_template: Path, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(following, "FOLLOW_MILLISECONDS", 1)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.0)
    with (
        Redis.from_url(redis_url, decode_responses=True) as redis,
        asyncio.Runner() as runner,
    ):
        redis.config_set("hz", 500)  # so often it looks whether a pod that waits for changes has waited long enough
        async_redis = AsyncRedis.from_url(redis_url, decode_responses=True, protocol=3)
        yield Site(sqlite_template, tmp_path, redis, async_redis, runner)
        runner.run(async_redis.aclose())
        redis.config_set("hz", 10)


def test_what_a_restored_database_says_anew_is_not_followed_from_what_it_said_before(site: Site) -> None:
    model = Pushing(site)
    model.begin()
    model.forget(["b"], 5)
    model.commit(["c", "d"], 1)
    model.push(0, "heard")
    for pod in model.pods:
        pod.step()
        model.pods_hold_what_was_true_once()
    model.teardown()


@pytest.mark.timeout(600)
def test_the_push_protocol(site: Site, rounds: int) -> None:
    check(lambda: Pushing(site), 25 * rounds)
