"""What is billed: each batch once, in its month; and a month that is closed stays as it is."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlmodel import col, func, select

from services.control_plane.kit.database import Database
from services.control_plane.kit.security import new_id
from services.control_plane.usage.billing import CLOSED_AFTER, is_closed
from services.control_plane.usage.collector import UsageCollector
from services.control_plane.usage.models import Usage, UsageBill
from services.control_plane.usage.steps import STEPS, floor, month_of, next_month
from shared.usage import UsageBatch, UsageRow
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, fields, on_sqlite, problem
from tests.integration.control_plane.usage.test_router import left, row, send
from tests.support.waiting import eventually

BILLING = "/admin/v1/usage/billing"


def this_month(platform: Platform) -> tuple[str, int]:
    """Return the month, and its first minute."""
    month = month_of(platform.clock())
    return f"{month:%Y-%m}", int(month.timestamp())


async def taken(redis: Redis) -> None:
    await eventually(lambda: not left(redis), within=10)


async def lines(platform: Platform, month: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await platform.read(BILLING, month=month, **query))["items"]
    return found


async def test_a_line_has_who_used_what_under_which_policy(platform: Platform, redis_client: Redis) -> None:
    month, minute = this_month(platform)
    api, application = await platform.make_api(), await platform.make_application("Mine")
    of = {"api_id": api["id"], "application_id": application["id"]}
    send(redis_client, 0, row(minute, **of, policy="Gold", connected_ms=1500), row(minute, **of, policy="Silver"))
    send(redis_client, 1, row(minute, **of, policy="Gold", bytes_published=7), row(minute, **of, key_type="SANDBOX"))
    send(redis_client, 2, row(minute, messages_published=0, refused={"token_expired": 1}))
    await taken(redis_client)
    found = await lines(platform, month)
    assert [(line["policy"], line["key_type"], line["messages_published"]) for line in found] == [
        ("", "SANDBOX", 3),
        ("Gold", "PRODUCTION", 6),
        ("Silver", "PRODUCTION", 3),
    ]
    named = {"owner": CLIENT_ID, "application": "Mine", "api": "EchoWebSocket", "version": "1.0"}
    assert found[1].items() >= {**named, "connected_ms": 1500, "bytes_published": 7}.items()


@on_sqlite
async def test_a_closed_month_stays_whatever_comes_and_whoever_goes(platform: Platform, redis_client: Redis) -> None:
    month, minute = this_month(platform)
    application = await platform.make_application("Mine")
    send(redis_client, 0, row(minute, application_id=application["id"]))
    await taken(redis_client)
    before = await platform.read(BILLING, month=month)
    assert not before["closed"]
    await platform.client.patch(f"/store/v1/applications/{application['id']}", json={"name": "Renamed"})
    await platform.client.delete(f"/store/v1/applications/{application['id']}")
    then = next_month(month_of(platform.clock())) + CLOSED_AFTER
    platform.clock.move(seconds=(then - platform.clock()).total_seconds() + 1)
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
    closed = await platform.read(BILLING, month=month)
    assert closed == {**before, "closed": True}
    send(redis_client, 1, row(minute, application_id=application["id"], messages_published=5))
    await taken(redis_client)
    assert await platform.read(BILLING, month=month) == closed, "twice the same"
    late = await lines(platform, f"{then:%Y-%m}")
    assert [line["messages_published"] for line in late] == [5], "nothing is lost"


@on_sqlite
async def test_a_table_for_a_spreadsheet_holds_no_formula(platform: Platform, redis_client: Redis) -> None:
    month, minute = this_month(platform)
    application = await platform.make_application("=HYPERLINK(1)")
    send(redis_client, 0, row(minute, application_id=application["id"], policy="@SUM(A1)"))
    await taken(redis_client)
    answer = await platform.client.get(BILLING, params={"month": month, "format": "csv"})
    assert answer.headers["content-disposition"] == f'attachment; filename="bill-{month}.csv"'
    assert answer.headers["x-total-count"] == "1"
    (line,) = csv.DictReader(io.StringIO(answer.text))
    assert (line["month"], line["application"], line["policy"]) == (month, "'=HYPERLINK(1)", "'@SUM(A1)")


@on_sqlite
async def test_parts_of_a_bill_make_up_the_whole(platform: Platform, redis_client: Redis) -> None:
    month, minute = this_month(platform)
    send(redis_client, 0, *(row(minute, api_id=str(number)) for number in range(5)))
    await taken(redis_client)
    parts = [await lines(platform, month, limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [line for part in parts for line in part] == await lines(platform, month)
    assert (await platform.read(BILLING, month=month, limit=1))["total"] == 5


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "field"), [({}, "month"), ({"month": "2026-13"}, "month"), ({"month": "2026-01", "limit": 0}, "limit")]
)
async def test_what_can_not_be_asked_is_refused(platform: Platform, bad: dict[str, Any], field: str) -> None:
    assert set(fields(await platform.client.get(BILLING, params=bad))) == {field}
    assert await lines(platform, "0001-01") == []
    problem(await platform.client.get(BILLING, params={"month": "9999-12"}), 422, "invalid")


def test_a_month_closes_two_days_after_its_end() -> None:
    month = datetime(2026, 12, 1, tzinfo=UTC)
    assert not is_closed(month, datetime(2027, 1, 2, 23, 59, tzinfo=UTC))
    assert is_closed(month, datetime(2027, 1, 3, tzinfo=UTC))


AROUND = datetime(2026, 10, 31, 22, 58, tzinfo=UTC)
"""An hour, a day and a month end near it."""

MINUTES = st.integers(0, 4 * 60)
COUNTS = st.integers(0, 1000)
BATCHES = st.lists(st.lists(st.tuples(MINUTES, COUNTS), max_size=8), max_size=8)


@on_sqlite
@given(BATCHES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_minutes_hours_days_and_months_hold_the_same(
    migrated_url: str, redis_client: Redis, batches: list[list[tuple[int, int]]]
) -> None:
    """However what happened around their bounds is put into batches, and whatever comes twice."""
    now = AROUND + timedelta(hours=6)
    database, api = Database(migrated_url), new_id()
    collector = UsageCollector(database, redis_client, lambda: now)
    expected: dict[tuple[str, datetime], int] = {}
    sent = []
    for number, counted in enumerate(batches):
        rows = []
        for minutes, count in counted:
            at = AROUND + timedelta(minutes=minutes)
            rows.append(UsageRow.model_validate({"minute": int(at.timestamp()), "api_id": api, "opened": count}))
            for step, start in (*((step, floor(at, step)) for step in STEPS), ("month", month_of(at))):
                expected[step, start] = expected.get((step, start), 0) + count
        sent.append(UsageBatch(worker=api, number=number, rows=tuple(rows)))
    for batch in (*sent, *sent[:3]):
        collector._add([batch])
    found: dict[tuple[str, datetime], int] = {}
    with database.reading() as session:
        for usage in session.exec(select(Usage).where(Usage.api_id == api)):
            found[usage.step, usage.at] = usage.opened
        billed = select(UsageBill.month, func.sum(col(UsageBill.opened))).where(UsageBill.api_id == api)
        found |= {("month", month): count for month, count in session.exec(billed.group_by(col(UsageBill.month)))}
    database.close()
    assert {key: count for key, count in found.items() if count} == {k: count for k, count in expected.items() if count}
