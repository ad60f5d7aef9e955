"""What is asked and decided in the browser."""

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, version_in

pytestmark = on_sqlite

APPROVALS = "/admin/v1/approvals"


async def test_what_is_chosen_is_asked_for_and_decided(admin: Person, platform: Platform) -> None:
    version = version_in(await admin.see("/admin/settings"), "/admin/settings")
    await admin.send("/admin/settings", choices=["approve_subscriptions", "approve_applications"], if_match=version)
    told = await admin.send("/admin/settings", 422, choices=[], if_match=version)
    assert "Somebody changed it meanwhile" in told
    api = await platform.publish_api()
    place = await admin.send("/applications/new", name="Sensors", policy="Unlimited")
    assert place.endswith("?done=asked")
    application = place.split("/")[2].partition("?")[0]
    assert "waits for approval" in await admin.see(f"/applications/{application}")
    subscribed = await admin.send(f"/store/apis/{api['id']}/subscribe", application_id=application, policy="Gold")
    assert subscribed == f"/store/apis/{api['id']}?done=asked"
    page = await admin.see("/admin/approvals")
    assert "Sensors to EchoWebSocket 1.0" in page
    for item in (await platform.read(APPROVALS))["items"]:
        verdict = {"application": "approve", "subscription": "reject"}[item["kind"]]
        await admin.send(f"/admin/approvals/{item['id']}", verdict=verdict, comment=f"I {verdict} it")
        again = await admin.send(f"/admin/approvals/{item['id']}", 422, verdict=verdict)
        assert "It is not open any more" in again
    assert "I approve it" in await admin.see("/admin/approvals?state=APPROVED")
    mine = await admin.see("/store/notices")
    assert "I approve it" in mine
    assert "I reject it" in mine
    assert "rejected" in await admin.see(f"/applications/{application}")


async def test_a_publication_that_waits_is_shown_and_withdrawn(admin: Person, platform: Platform) -> None:
    await platform.client.patch("/admin/v1/settings", json={"approve_publications": True})
    api = await platform.make_api()
    place = f"/publisher/apis/{api['id']}/lifecycle"
    publish = {"action": "publish", "require_resubscription": "1"}
    assert await admin.send(place, **publish) == f"{place}?done=asked"
    assert "waits for an administrator's approval" in await admin.see(place)
    assert "waits for an administrator's approval already" in await admin.send(place, 422, **publish)
    assert await admin.send(f"{place}/withdraw") == f"{place}?done=withdrawn"
    assert "waits for an administrator's approval" not in await admin.see(place)
    assert (await platform.read(APPROVALS))["items"][0]["state"] == "WITHDRAWN"


async def test_a_verdict_is_one_of_two(admin: Person, platform: Platform) -> None:
    await platform.client.patch("/admin/v1/settings", json={"approve_applications": True})
    await platform.make_application("Sensors")
    (asked,) = (await platform.read(APPROVALS))["items"]
    assert "must be approve or reject" in await admin.send(f"/admin/approvals/{asked['id']}", 422, verdict="perhaps")
    assert (await platform.read(f"{APPROVALS}/{asked['id']}"))["state"] == "PENDING"
