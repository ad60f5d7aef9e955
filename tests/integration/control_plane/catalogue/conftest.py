"""A catalogue without domains: a database, a Redis and a pusher."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import pytest
from redis import Redis

from services.control_plane.catalogue import outbox, repository
from services.control_plane.catalogue.mirror import Mirror
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.redis_client import connect
from shared import keys
from shared.catalogue import KINDS, Change, Mark, digest_objects
from shared.limits import Limit, Policy, PolicyName


@dataclass
class Catalogue:
    database: Database
    redis: Redis
    pusher: Pusher

    def record(self, *names: str, amount: int | None = 1) -> None:
        """Commit policies in one transaction; without an amount they are gone."""
        with self.database.writing() as session:
            for name in names:
                policy = policy_of(name, amount) if amount is not None else None
                outbox.record(session, "policy", name, policy, system_clock())

    def ours(self) -> Mark:
        with self.database.reading() as session:
            return repository.get_state(session).mark

    def theirs(self) -> Mark | None:
        return Mark.read(cast("dict[str, str]", self.redis.hgetall(keys.CATALOGUE_STATE)))

    def objects(self) -> dict[str, str]:
        return cast("dict[str, str]", self.redis.hgetall(keys.catalogue_objects("policy")))

    def stream(self) -> list[Change]:
        entries = cast("list[tuple[str, dict[str, str]]]", self.redis.xrange(keys.CATALOGUE_STREAM))
        return [Change.read(*entry) for entry in entries]

    def unsent(self) -> int:
        with self.database.reading() as session:
            return len(repository.list_unsent(session, 1000))

    def assert_equal(self) -> None:
        """Redis holds what SQL holds, and the digest is that of what it holds."""
        with self.database.reading() as session:
            ours = {(item.kind, item.id, item.body) for item in repository.list_objects(session)}
        theirs = {
            (kind, id_, body)
            for kind in KINDS
            for id_, body in cast("dict[str, str]", self.redis.hgetall(keys.catalogue_objects(kind))).items()
        }
        mark = self.theirs()
        assert mark == self.ours()
        assert theirs == ours
        assert mark is not None
        assert mark.digest == digest_objects(theirs)


def policy_of(name: str, amount: int) -> Policy:
    return Policy(name=PolicyName(name), level="subscription", limits=(Limit(amount=amount),))


@pytest.fixture
def catalogue(migrated_url: str, redis_url: str) -> Iterator[Catalogue]:
    """Yield a catalogue at revision 0, whose pusher does a turn when it is told to."""
    database = Database(migrated_url)
    with database.writing() as session:
        outbox.prepare(session)
    redis = connect(redis_url)
    yield Catalogue(database, redis, make_pusher(database, redis))
    redis.close()
    database.close()


@contextmanager
def running(*pushers: Pusher) -> Iterator[None]:
    for pusher in pushers:
        pusher.start()
    try:
        yield
    finally:
        for pusher in pushers:
            pusher.stop()


def make_pusher(database: Database, redis: Redis) -> Pusher:
    return Pusher(database, Mirror(redis, "key"), system_clock, random.SystemRandom())
