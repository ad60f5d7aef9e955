"""Webhooks in the browser."""

from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, lose_no_update, shown, wrong_at
from tests.support.receiver import receiving
from tests.support.waiting import eventually

pytestmark = on_sqlite

PLACE = "/admin/webhooks"


async def test_a_webhook_is_added_changed_and_deleted(admin: Person, platform: Platform) -> None:
    page = await admin.send(PLACE, 200, url="https://127.0.0.1/", events="api.publish, key.*", description="Ours")
    secret = shown(page, "once-secret")
    (hook,) = (await platform.read("/admin/v1/webhooks"))["items"]
    assert hook["events"] == ["api.publish", "key.*"]
    place = f"{PLACE}/{hook['id']}"
    assert "Ours" in await admin.see(PLACE)
    assert secret not in await admin.see(place)
    form = {"url": "https://127.0.0.1/", "events": ""}
    await lose_no_update(admin, place, place, {**form, "active": "1"}, form)
    assert (await platform.read(f"/admin/v1/webhooks/{hook['id']}"))["active"] is False
    assert "must be a type" in wrong_at(await admin.send(place, 422, **{**form, "events": "sign_in"}), "events")
    assert shown(await admin.send(f"{place}/rotate", 200), "once-secret") != secret
    assert await admin.send(f"{place}/delete") == f"{PLACE}?done=deleted"


async def test_where_nothing_may_be_sent_is_told(admin: Person) -> None:
    page = await admin.send(PLACE, 422, url="https://169.254.169.254/", description="Kept")
    assert "not allowed" in wrong_at(page, "url")
    assert 'value="Kept"' in page


async def test_a_delivery_is_seen_and_sent_again(admin: Person, platform: Platform) -> None:
    with receiving() as receiver:
        page = await admin.send(PLACE, 200, url=receiver.url, events="api.create")
        assert "Nothing was sent yet" in page
        await platform.make_api()
        (hook,) = (await platform.read("/admin/v1/webhooks"))["items"]
        deliveries = f"/admin/v1/webhooks/{hook['id']}/deliveries"

        async def is_delivered() -> bool:
            return bool((await platform.read(deliveries, state="DELIVERED"))["total"] == 1)

        await eventually(is_delivered, within=10)
        (delivery,) = (await platform.read(deliveries))["items"]
        place = f"{PLACE}/{hook['id']}"
        assert "Send again" in await admin.see(place)
        assert await admin.send(f"{place}/deliveries/{delivery['id']}") == f"{place}?done=redelivered"
        await eventually(is_delivered, within=10)
        assert receiver.types == ["api.create", "api.create"]
