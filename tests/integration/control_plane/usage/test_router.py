"""What pods counted, as those read it whose it is; added once, whatever is killed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from sqlmodel import select

from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.usage import collector
from services.control_plane.usage.collector import GROUP, UsageCollector
from services.control_plane.usage.models import Usage, UsageCause, UsageReceipt
from services.control_plane.usage.steps import floor
from shared import keys
from shared.usage import UsageBatch, UsageRow
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem
from tests.support.waiting import eventually

DAY = floor(system_clock(), "day") - timedelta(days=1)
MINUTE = int(DAY.timestamp()) + 600
AT = {"since": DAY.isoformat(), "until": (DAY + timedelta(days=1)).isoformat()}
IN_MARCH = 1_774_000_020


def row(minute: int = MINUTE, **counts: Any) -> UsageRow:
    body = {"minute": minute, "api_id": "api", "application_id": "app", "messages_published": 3} | counts
    return UsageRow.model_validate(body)


def send(redis: Redis, number: int, *rows: UsageRow, worker: str = "w") -> None:
    batch = UsageBatch(worker=worker, number=number, rows=rows)
    redis.xadd(keys.USAGE_STREAM, {"batch": batch.model_dump_json(exclude_defaults=True)})


def left(redis: Redis) -> int:
    return redis.xlen(keys.USAGE_STREAM)


async def published(platform: Platform, **more: Any) -> list[int]:
    report = await platform.read("/admin/v1/usage", step="day", **AT, **more)
    return [item["messages_published"] for item in report["items"]]


async def test_batches_are_summed_by_minute_hour_and_day(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row(), row(MINUTE + 60, messages_published=4), row(MINUTE + 3600, messages_published=5))
    send(redis_client, 1, row(messages_published=100, key_type="SANDBOX"))
    await eventually(lambda: not left(redis_client), within=10)
    for step, counted in (("minute", [103, 4, 5]), ("hour", [107, 5]), ("day", [112])):
        report = await platform.read("/admin/v1/usage", step=step, **AT)
        assert [item["messages_published"] for item in report["items"]] == counted
    apart = await platform.read("/admin/v1/usage", step="total", group_by="key_type", **AT)
    assert [(item["key_type"], item["messages_published"]) for item in apart["items"]] == [
        ("SANDBOX", 100),
        ("PRODUCTION", 12),
    ]


async def test_a_report_says_how_large_messages_are_and_how_far_clients(
    platform: Platform, redis_client: Redis
) -> None:
    send(redis_client, 0, row(published_sizes={"7": 90, "10": 10}, round_trips={"14": 3}))
    send(redis_client, 1, row(MINUTE + 60, published_sizes={"7": 100}), row(api_id="other", published_sizes={"20": 5}))
    await eventually(lambda: not left(redis_client), within=10)
    report = await platform.read("/admin/v1/usage", step="day", **AT)
    assert report["published_message_bytes"]["count"] == 205
    assert 64 < report["published_message_bytes"]["p50"] < 128
    assert report["published_message_bytes"]["p99"] > 2**19
    assert report["delivered_message_bytes"] is None
    assert report["round_trip_ms"] == {"count": 3, "p50": 12.288, "p90": 15.565, "p99": 16.302}


async def test_a_batch_that_comes_twice_counts_once(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 7, row())
    send(redis_client, 7, row())
    send(redis_client, 7, row(), worker="another")
    await eventually(lambda: not left(redis_client), within=10)
    assert await published(platform) == [6]


def test_a_collector_that_is_killed_loses_and_doubles_nothing(
    migrated_url: str, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One took two batches, and was killed when it had added the second, and said of neither that it was done."""
    database = Database(migrated_url)
    redis_client.xgroup_create(keys.USAGE_STREAM, GROUP, id="0", mkstream=True)
    send(redis_client, 0, row())
    send(redis_client, 1, row(messages_published=10))
    redis_client.xreadgroup(GROUP, "killed", {keys.USAGE_STREAM: ">"}, count=2)
    with database.writing() as session:
        session.add(UsageReceipt(worker="w", number=1, at=system_clock()))
    monkeypatch.setattr(collector, "_ABANDONED_MS", 0)
    UsageCollector(database, redis_client, system_clock).collect()
    assert left(redis_client) == 0
    with database.reading() as session:
        assert {usage.messages_published for usage in session.exec(select(Usage))} == {3}
    database.close()


def test_two_collectors_share_the_work(migrated_url: str, redis_client: Redis) -> None:
    database = Database(migrated_url)
    both = [UsageCollector(database, redis_client, system_clock) for _ in range(2)]
    both[0].collect()
    for number in range(120):
        send(redis_client, number, row(), row(api_id="another"))
    with ThreadPoolExecutor() as pool:
        list(pool.map(UsageCollector.collect, both))
    with database.reading() as session:
        days = session.exec(select(Usage).where(Usage.step == "day")).all()
    assert {(day.api_id, day.messages_published) for day in days} == {("api", 360), ("another", 360)}
    database.close()


async def test_an_emptied_redis_is_begun_anew(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row())
    await eventually(lambda: not left(redis_client), within=10)
    redis_client.delete(keys.USAGE_STREAM)
    send(redis_client, 1, row())
    await eventually(lambda: not left(redis_client), within=10)
    assert await published(platform) == [6]


async def test_a_batch_that_no_column_holds_keeps_no_other_out(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row(bytes_published=2**62), row(bytes_published=2**62))
    send(redis_client, 1, row())
    await eventually(lambda: not left(redis_client), within=10)
    assert await published(platform) == [3]


def test_what_only_a_newer_control_plane_reads_waits_for_it(migrated_url: str, redis_client: Redis) -> None:
    database = Database(migrated_url)
    redis_client.xadd(keys.USAGE_STREAM, {"batch": '{"worker": "w", "number": 0, "rows": [{"key_type": "NEW"}]}'})
    send(redis_client, 1, row())
    UsageCollector(database, redis_client, system_clock).collect()
    with database.reading() as session:
        assert {usage.messages_published for usage in session.exec(select(Usage))} == {3}
    assert left(redis_client) == 1
    database.close()


@on_sqlite
async def test_more_rows_than_were_asked_for_are_told(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row(), row(application_id="other"))
    await eventually(lambda: not left(redis_client), within=10)
    asked = {"step": "total", "group_by": "application", **AT}
    assert [(await platform.read("/admin/v1/usage", limit=limit, **asked))["truncated"] for limit in (1, 2)] == [
        True,
        False,
    ]


@on_sqlite
async def test_where_nothing_was_counted_the_sum_is_nothing(platform: Platform) -> None:
    report = await platform.read("/admin/v1/usage", step="total", **AT)
    assert [item["messages_published"] for item in report["items"]] == [0]
    assert await published(platform) == []


async def test_causes_are_summed(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row(refused={"quota_exceeded": 2}), row(closed={"client_closed:1000": 1}))
    send(redis_client, 1, row(refused={"quota_exceeded": 1, "token_expired": 1}))
    await eventually(lambda: not left(redis_client), within=10)
    report = await platform.read("/admin/v1/usage", step="day", **AT)
    assert report["refused"] == {"quota_exceeded": 3, "token_expired": 1}
    assert report["closed"] == {"client_closed:1000": 1}


@on_sqlite
async def test_each_reads_their_own(platform: Platform, redis_client: Redis) -> None:
    api, other = await platform.make_api(), await platform.make_api(name="Other", context="/other")
    application = await platform.make_application("Mine")
    send(redis_client, 0, row(api_id=api["id"], application_id=application["id"]))
    send(redis_client, 1, row(api_id=other["id"], application_id="others"), row(api_id=None, application_id=None))
    await eventually(lambda: not left(redis_client), within=10)
    asked = {"step": "total", "group_by": ["api", "application"], **AT}
    mine = {"api": "EchoWebSocket 1.0", "application": "Mine", "messages_published": 3}
    for path in (f"/publisher/v1/apis/{api['id']}/usage", f"/store/v1/applications/{application['id']}/usage"):
        (item,) = (await platform.read(path, **asked))["items"]
        assert item.items() >= mine.items()
    everything = (await platform.read("/admin/v1/usage", **asked))["items"]
    assert {item["application_id"] for item in everything} == {application["id"], "others", None}
    async with platform.account("stranger", "store:subscribe", "publisher:read") as stranger:
        problem(await stranger.get(f"/store/v1/applications/{application['id']}/usage"), 404, "not_found")
        problem(await stranger.get("/admin/v1/usage"), 403, "insufficient_scope")


@on_sqlite
async def test_a_month_is_a_table_for_the_bill(platform: Platform, redis_client: Redis) -> None:
    send(redis_client, 0, row(IN_MARCH), row(IN_MARCH + 86400 * 30, messages_published=50))
    await eventually(lambda: not left(redis_client), within=10)
    asked = {"month": "2026-03", "step": "total", "group_by": ["application", "api", "key_type"], "format": "csv"}
    answer = await platform.client.get("/admin/v1/usage", params=asked)
    assert answer.headers["content-type"].startswith("text/csv")
    head, line = answer.text.splitlines()
    assert (
        dict(zip(head.split(","), line.split(","), strict=True)).items()
        >= {
            "application_id": "app",
            "api_id": "api",
            "key_type": "PRODUCTION",
            "messages_published": "3",
        }.items()
    )


@on_sqlite
async def test_what_was_kept_long_enough_is_forgotten(platform: Platform, redis_client: Redis) -> None:
    now = int(platform.clock().timestamp()) // 60 * 60
    send(redis_client, 0, row(now, closed={"client_closed:1000": 1}))
    await eventually(lambda: not left(redis_client), within=10)
    with Redis.from_url(platform.settings.redis_url) as redis:
        sweeping = UsageCollector(platform.database, redis, platform.clock)
        for days, steps in ((3, {"hour", "day"}), (63, {"day"}), (1200, set())):
            platform.clock.move(days=days)
            with platform.database.writing() as session:
                while sweeping.sweep(session):
                    pass
                assert set(session.exec(select(Usage.step))) == set(session.exec(select(UsageCause.step))) == steps
                assert not session.exec(select(UsageReceipt)).all()


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"step": "year"}, "step"),
        ({"group_by": "owner"}, "group_by"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"month": "2026-13"}, "month"),
        ({"limit": 5001}, "limit"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=str,
)
async def test_what_can_not_be_asked_is_refused(platform: Platform, bad: dict[str, Any], field: str) -> None:
    assert {name.split(".")[0] for name in fields(await platform.client.get("/admin/v1/usage", params=bad))} == {field}
