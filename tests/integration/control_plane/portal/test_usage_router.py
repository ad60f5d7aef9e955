"""What went through, as publishers, subscribers and administrators see it."""

import csv
import io
from datetime import timedelta
from typing import Any

from redis import Redis

from services.control_plane.kit.clock import system_clock
from services.control_plane.portal.words import GAPS
from services.control_plane.usage.models import UsageGap
from shared import keys
from shared.usage import UsageBatch, UsageRow
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person
from tests.support.waiting import eventually

pytestmark = on_sqlite


async def count(redis: Redis, **counted: Any) -> None:
    """Let a pod tell what it counted, now, and wait until it is in the tables."""
    minute = int(system_clock().timestamp()) // 60 * 60
    row = UsageRow.model_validate({"minute": minute, **counted})
    batch = UsageBatch(worker="w", number=0, rows=(row,))
    redis.xadd(keys.USAGE_STREAM, {"batch": batch.model_dump_json(exclude_defaults=True)})
    await eventually(lambda: not redis.xlen(keys.USAGE_STREAM), within=10)


async def make_application(admin: Person) -> str:
    made = await admin.send("/applications/new", name="Dashboard", policy="Unlimited")
    return made.split("/")[2].partition("?")[0]


async def test_traffic_is_counted_plotted_and_explained(admin: Person, platform: Platform, redis_client: Redis) -> None:
    api, application = await platform.publish_api(), await make_application(admin)
    ids = {"api_id": api["id"], "application_id": application}
    await count(redis_client, **ids, messages_published=1234, bytes_published=5000, refused={"subscription_blocked": 2})
    places = [f"/publisher/apis/{api['id']}/usage", f"/applications/{application}/usage", "/admin/usage"]
    for place in places:
        for step in ("minute", "hour", "day"):
            page = await admin.see(f"{place}?step={step}&compare=true")
            assert "<strong>1,234</strong>" in page
            assert '<td class="figure" data-v="1234">1,234</td>' in page
            assert "the range before" in page
            assert "The subscription is blocked." in page
        assert "5.0 kB" in await admin.see(f"{place}?measure=bytes")
        assert "<strong>2</strong>" in await admin.see(f"{place}?measure=errors&by=cause")
        rows = list(csv.DictReader(io.StringIO(await admin.see(f"{place}.csv?step=hour"))))
        assert [row["messages_published"] for row in rows] == ["1234"]
    assert ">Dashboard</th>" in await admin.see(f"{places[0]}?by=application")
    assert ">EchoWebSocket</th>" in await admin.see(f"{places[1]}?by=api")
    assert ">EchoWebSocket 1.0</th>" in await admin.see(f"{places[2]}?by=version")
    assert "1,234</a>" in await admin.see("/publisher")


async def test_what_may_be_missing_is_said(admin: Person, platform: Platform) -> None:
    assert "There may have been more" not in await admin.see("/admin/usage")
    now = system_clock()
    with platform.database.writing() as session:
        for number, cause in enumerate(GAPS):
            until = now - timedelta(minutes=number)
            values: dict[str, Any] = {"worker": "w", "pod": "pod-7", "since": until - timedelta(minutes=1), "count": 3}
            session.add(UsageGap(cause=cause, number=number, until=until, **values))
    page = await admin.see("/admin/usage")
    assert f"to {now:%Y-%m-%d %H:%M} UTC {GAPS['pod_lost']}." in page
    assert "2 more times." in page


async def test_a_range_of_days_is_shown_and_a_wrong_one_refused(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    place = f"/publisher/apis/{api['id']}/usage"
    assert "Nothing was counted in this time." in await admin.see(place)
    today = system_clock().date().isoformat()
    assert "each hour" in await admin.see(f"{place}?since={today}&until={today}")
    assert "each day" in await admin.see(f"{place}?since=&until={today}")
    for wrong in ("since=2020-01-01&until=2021-01-01", "since=2026-01-02&until=2026-01-01", "step=total", "by=owner"):
        await admin.see(f"{place}?{wrong}", 422)
