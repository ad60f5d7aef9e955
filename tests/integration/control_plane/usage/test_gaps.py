"""What is missing in usage is said: pods that were killed, batches that Redis lost, counts that found no room."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlmodel import select

from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.redis_client import read_time
from services.control_plane.usage import gaps
from services.control_plane.usage.collector import UsageCollector
from services.control_plane.usage.gaps import GapFinder, find_gaps
from services.control_plane.usage.models import UsageReceipt, UsageWorker
from services.control_plane.usage.schemas import Gap
from shared import keys
from shared.connections import Beat
from shared.usage import UsageBatch
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.usage.test_router import row
from tests.support.waiting import eventually

EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


@pytest.fixture
def finder(database: Database, redis_client: Redis) -> GapFinder:
    return GapFinder(database, redis_client, system_clock)


def beat(redis: Redis, seconds_ago: float, worker: str = "w", usage_until: float | None = 4.0) -> float:
    """Have a worker beat so long ago; its usage is sent up to some seconds before. Return when it was."""
    now = read_time(redis)
    at = now - seconds_ago
    said = Beat(
        pod="pod",
        host="host",
        version="1",
        at=at,
        started_at=at - 100,
        draining=False,
        revision=None,
        digest=None,
        connections=0,
        usage_until=None if usage_until is None else at - usage_until,
    )
    redis.zadd(keys.PODS, {worker: at + 5})
    redis.set(keys.beat(worker), said.model_dump_json())
    return at


def add(database: Database, redis: Redis, *batches: UsageBatch) -> None:
    collector = UsageCollector(database, redis, system_clock)
    for batch in batches:
        redis.xadd(keys.USAGE_STREAM, {"batch": batch.model_dump_json(exclude_defaults=True)})
    collector.collect()


def found(database: Database) -> list[Gap]:
    with database.reading() as session:
        return find_gaps(session, *EVER)


def states(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {worker.worker: worker.state for worker in session.exec(select(UsageWorker))}


def batch(number: int, **more: Any) -> UsageBatch:
    return UsageBatch.model_validate({"worker": "w", "pod": "pod", "number": number, "rows": (row(),), **more})


def test_a_worker_that_goes_without_a_word_is_lost_and_one_that_is_heard_again_was_not(
    database: Database, redis_client: Redis, finder: GapFinder
) -> None:
    beat(redis_client, 29)
    finder.find_lost_workers()
    assert (states(database), found(database)) == ({"w": "living"}, [])
    at = beat(redis_client, 31)
    _age(database, 10)
    for _ in range(2):
        finder.find_lost_workers()
    (gap,) = found(database)
    assert (gap.pod, gap.cause, gap.count) == ("pod", "pod_lost", 0)
    assert gap.since == datetime.fromtimestamp(at - 4, UTC), "what was sent before is there"
    assert gap.until == datetime.fromtimestamp(at, UTC)
    beat(redis_client, 0)
    finder.find_lost_workers()
    assert (states(database), found(database)) == ({"w": "living"}, [])


def _age(database: Database, seconds: float) -> None:
    """Have the worker noted earlier than it was."""
    with database.writing() as session:
        worker = session.get(UsageWorker, "w")
        assert worker is not None
        worker.heard_at -= timedelta(seconds=seconds)


def test_a_worker_that_beats_is_not_lost_though_not_each_beat_is_noted(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "_NOTED_AGAIN", timedelta(hours=1))
    beat(redis_client, 0)
    finder.find_lost_workers()
    _age(database, 60)
    beat(redis_client, 5)
    finder.find_lost_workers()
    assert (states(database), found(database)) == ({"w": "living"}, [])


def test_a_redis_that_was_emptied_makes_no_living_worker_lost(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(redis_client, 0)
    finder.find_lost_workers()
    redis_client.flushdb()
    finder.find_lost_workers()
    assert found(database) == []
    monkeypatch.setattr(gaps, "LOST_AFTER", timedelta())
    finder.find_lost_workers()
    assert [gap.cause for gap in found(database)] == ["pod_lost"], "it never comes back"


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_worker_that_says_that_it_goes_is_not_lost(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch, seen_before: bool
) -> None:
    if seen_before:
        beat(redis_client, 0)
        finder.find_lost_workers()
    add(database, redis_client, batch(0), batch(1, rows=(), last=True))
    beat(redis_client, 0)  # one that was read just before it went
    finder.find_lost_workers()
    monkeypatch.setattr(gaps, "LOST_AFTER", timedelta())
    finder.find_lost_workers()
    assert (states(database), found(database)) == ({"w": "ended"}, [])


def test_a_worker_that_was_lost_and_says_that_it_goes_was_not(
    database: Database, redis_client: Redis, finder: GapFinder
) -> None:
    beat(redis_client, 29)
    finder.find_lost_workers()
    beat(redis_client, 31)
    _age(database, 10)
    finder.find_lost_workers()
    assert [gap.cause for gap in found(database)] == ["pod_lost"]
    add(database, redis_client, batch(0, last=True))
    assert (states(database), found(database)) == ({"w": "ended"}, [])


def test_a_batch_that_comes_after_all_is_no_longer_missing(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "_LATE", timedelta())
    add(database, redis_client, batch(0), batch(4))
    finder.find_lost_batches()
    left = []
    for number in (2, 1, 3):
        add(database, redis_client, batch(number))
        finder.find_lost_batches()
        left.append([gap.count for gap in found(database)])
    assert left == [[1, 1], [1], []]


def test_the_first_batches_are_missed_too(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "_LATE", timedelta())
    at = beat(redis_client, 0)
    finder.find_lost_workers()
    add(database, redis_client, batch(2))
    for _ in range(2):
        finder.find_lost_batches()
    (gap,) = found(database)
    assert (gap.cause, gap.count, gap.since) == ("batches_lost", 2, datetime.fromtimestamp(at - 100, UTC))
    add(database, redis_client, batch(0), batch(1))
    finder.find_lost_batches()
    assert found(database) == []


@pytest.mark.parametrize(("hours", "number"), [(3, 3), (72, 3), (72, 1)])
def test_batches_are_missed_after_a_long_silence(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch, hours: int, number: int
) -> None:
    """The batch before is not looked at any more, or even forgotten."""
    monkeypatch.setattr(gaps, "_LATE", timedelta())
    beat(redis_client, 0)
    finder.find_lost_workers()
    add(database, redis_client, batch(0))
    finder.find_lost_batches()
    with database.writing() as session:
        receipt = session.get(UsageReceipt, ("w", 0))
        assert receipt is not None
        receipt.at -= timedelta(hours=hours)
    with database.writing() as session:
        UsageCollector(database, redis_client, system_clock).sweep(session)
    add(database, redis_client, batch(number))
    for _ in range(2):
        finder.find_lost_batches()
    assert [gap.count for gap in found(database)] == ([number - 1] if number > 1 else [])


def test_of_an_older_pod_nothing_is_known(database: Database, redis_client: Redis, finder: GapFinder) -> None:
    beat(redis_client, 0, usage_until=None)
    finder.find_lost_workers()
    assert states(database) == {}


def test_batches_that_never_came_are_missed_once_they_can_come_no_more(
    database: Database, redis_client: Redis, finder: GapFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat(redis_client, 0)
    finder.find_lost_workers()
    add(database, redis_client, batch(0), batch(4), batch(5), batch(1, worker="another"))
    finder.find_lost_batches()
    assert found(database) == [], "they may be under way"
    monkeypatch.setattr(gaps, "_LATE", timedelta())
    for _ in range(2):
        finder.find_lost_batches()
    (gap,) = found(database)
    assert (gap.pod, gap.cause, gap.count) == ("pod", "batches_lost", 3)
    with database.reading() as session:
        times = [receipt.at for receipt in session.exec(select(UsageReceipt).where(UsageReceipt.worker == "w"))]
    assert min(times) <= gap.since <= gap.until <= max(times)


def test_counts_that_found_no_room_are_missed(database: Database, redis_client: Redis) -> None:
    add(database, redis_client, batch(0, lost=2**40), batch(0, lost=2**40), batch(1))
    (gap,) = found(database)
    assert (gap.pod, gap.cause, gap.count) == ("pod", "no_room", 2**31 - 1)


@on_sqlite
async def test_reports_say_what_is_missing_in_their_time(platform: Platform, redis_client: Redis) -> None:
    now = platform.clock()
    lost = batch(0, rows=(row(int(now.timestamp()) // 60 * 60),), lost=7)
    redis_client.xadd(keys.USAGE_STREAM, {"batch": lost.model_dump_json()})
    await eventually(lambda: not redis_client.xlen(keys.USAGE_STREAM), within=10)
    for path, query in (("/admin/v1/usage", {}), ("/admin/v1/usage/billing", {"month": f"{now:%Y-%m}"})):
        (gap,) = (await platform.read(path, **query))["incomplete"]
        assert (gap["cause"], gap["count"]) == ("no_room", 7)
        sheet = (await platform.client.get(path, params={**query, "format": "csv"})).text.splitlines()
        assert [line.rpartition(",")[2] for line in sheet] == ["incomplete", "no_room"]
    before = {"since": (now - timedelta(days=2)).isoformat(), "until": (now - timedelta(days=1)).isoformat()}
    assert (await platform.read("/admin/v1/usage", **before))["incomplete"] == []
