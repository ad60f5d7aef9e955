"""What went through, as publishers and administrators see it."""

from redis import Redis

from services.control_plane.kit.clock import system_clock
from shared import keys
from shared.usage import UsageBatch, UsageRow
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person
from tests.support.waiting import eventually

pytestmark = on_sqlite


async def test_traffic_is_drawn_counted_and_explained(admin: Person, platform: Platform, redis_client: Redis) -> None:
    api, application = await platform.publish_api(), await platform.make_application("Dashboard")
    minute = int(system_clock().timestamp()) // 60 * 60
    row = UsageRow.model_validate(
        {
            "minute": minute,
            "api_id": api["id"],
            "application_id": application["id"],
            "messages_published": 1234,
            "refused": {"subscription_blocked": 2},
        }
    )
    batch = UsageBatch(worker="w", number=0, rows=(row,))
    redis_client.xadd(keys.USAGE_STREAM, {"batch": batch.model_dump_json(exclude_defaults=True)})
    await eventually(lambda: not redis_client.xlen(keys.USAGE_STREAM), within=10)
    for place in (f"/publisher/apis/{api['id']}/usage", "/admin/usage"):
        for step in ("minute", "hour", "day"):
            page = await admin.see(f"{place}?step={step}")
            assert "1,234 sent, 0 received" in page
            assert ">Dashboard</th>" in page
            assert "The subscription is blocked." in page
    other = await platform.publish_api(name="Other", context="/other")
    assert "No message in this time." in await admin.see(f"/publisher/apis/{other['id']}/usage")
    await admin.see("/admin/usage?step=total", 422)
