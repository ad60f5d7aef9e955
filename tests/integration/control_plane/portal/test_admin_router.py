"""What administrators do in the browser."""

import re

from tests.integration.control_plane.platform import Platform, Start, on_sqlite
from tests.integration.control_plane.portal.person import Person, lose_no_update, shown, version_in, wrong_at
from tests.integration.control_plane.portal.test_sign_in_router import browse, sign_in
from tests.support.waiting import free_port

pytestmark = on_sqlite


async def test_a_user_is_made_changed_and_deleted(admin: Person, platform: Platform) -> None:
    page = await admin.send("/admin/users", 200, name="maria", roles=["subscriber", "creator"])
    one_time = shown(page, "one-time")
    assert one_time not in await admin.see("/admin/users")
    assert "There is a user maria already." in await admin.send("/admin/users", 422, name="maria")
    listed = await platform.read("/admin/v1/users", q="maria")
    place = f"/admin/users/{listed['items'][0]['id']}"
    await admin.send(f"{place}/change", roles="publisher")
    await admin.send(f"{place}/change", disabled="1")
    user = (await platform.read("/admin/v1/users", q="maria"))["items"][0]
    assert (user["roles"], user["disabled"]) == (["publisher"], True)
    await admin.send(f"{place}/change", disabled="0")
    assert shown(await admin.send(f"{place}/reset-password", 200), "one-time") != one_time
    assert await admin.send(f"{place}/delete") == "/admin/users?done=deleted"


async def test_the_last_administrator_stays(admin: Person, platform: Platform) -> None:
    listed = await platform.read("/admin/v1/users", q="admin")
    place = f"/admin/users/{listed['items'][0]['id']}"
    for action, fields in (("change", {"disabled": "1"}), ("delete", {})):
        assert "Nobody would be left" in await admin.send(f"{place}/{action}", 422, **fields)


async def test_a_service_account_s_secret_is_shown_once(admin: Person, platform: Platform) -> None:
    page = await admin.send("/admin/service-accounts", 200, name="ci", scopes=["publisher:read"])
    client_id, secret = shown(page, "once-id"), shown(page, "once-secret")
    await platform.fetch_token(client_id, secret)
    assert secret not in await admin.see("/admin/service-accounts")
    place = f"/admin/service-accounts/{(await platform.read('/admin/v1/service-accounts', q='ci'))['items'][0]['id']}"
    again = shown(await admin.send(f"{place}/rotate", 200), "once-secret")
    await platform.fetch_token(client_id, again)
    await admin.send(f"{place}/delete")


async def test_a_policy_s_name_that_is_taken_is_told(admin: Person) -> None:
    fields = {"name": "Gold", "level": "subscription", "amount_0": "3", "unit_0": "messages", "window_0": "10"}
    page = await admin.send("/admin/policies/new", 422, **fields)
    assert "There is a policy Gold of level subscription already." in page


async def test_no_change_of_a_policy_or_a_user_is_lost(admin: Person, platform: Platform) -> None:
    fields = {"name": "Gold", "level": "subscription", "unit_0": "messages", "window_0": "10"}
    place = "/admin/policies/subscription/Gold"
    await lose_no_update(admin, place, place, {**fields, "amount_0": "3"}, {**fields, "amount_0": "4"})
    assert (await platform.read("/admin/v1/policies/Gold"))["limits"][0]["amount"] == 4
    loaded = version_in(await admin.see(place), place)
    seen = await admin.send("/admin/policies/preview", 200, **fields, amount_0="5", stands="1", if_match=loaded)
    assert version_in(seen, place) == loaded

    await admin.send("/admin/users", 200, name="ann", roles=["subscriber"])
    (ann,) = (await platform.read("/admin/v1/users", q="ann"))["items"]
    action = f"/admin/users/{ann['id']}/change"
    await lose_no_update(admin, "/admin/users", action, {"roles": ["creator"]}, {"roles": ["publisher"]})
    assert (await platform.read(f"/admin/v1/users/{ann['id']}"))["roles"] == ["publisher"]


async def test_a_policy_says_what_it_allows_before_it_is_saved(admin: Person, platform: Platform) -> None:
    fields = {"name": "Small", "level": "subscription", "amount_0": "3", "unit_0": "messages", "window_0": "10"}
    page = await admin.send("/admin/policies/preview", 200, **fields, on_exceed="close")
    assert "Allows 3 messages every 10 seconds from client to backend." in page
    assert "closes the connection with code 4429" in page
    bad = await admin.send("/admin/policies/new", 422, **{**fields, "name": "two words"})
    assert "should match pattern" in wrong_at(bad, "name")
    await admin.send("/admin/policies/new", **fields, amount_1="2", unit_1="connections")
    policy = await platform.read("/admin/v1/policies/Small")
    assert [(limit["unit"], limit["amount"]) for limit in policy["limits"]] == [("messages", 3), ("connections", 2)]
    await admin.send("/admin/policies/subscription/Small", **{**fields, "amount_0": "4"})
    assert len((await platform.read("/admin/v1/policies/Small"))["limits"]) == 1
    assert "is built in" in await admin.send("/admin/policies/subscription/Gold/delete", 422)
    assert await admin.send("/admin/policies/subscription/Small/delete") == "/admin/policies?done=deleted"


async def test_an_address_is_blocked_and_let_in_again(admin: Person) -> None:
    bad = await admin.send("/admin/blocklist", 422, kind="address", value="not an address")
    assert "must be an IP address" in wrong_at(bad, "value")
    await admin.send("/admin/blocklist", kind="address", value="203.0.113.7")
    page = await admin.see("/admin/blocklist")
    assert "203.0.113.7" in page
    found = re.search(r"/admin/blocklist/([^/]+)/delete", page)
    assert found
    await admin.send(f"/admin/blocklist/{found[1]}/delete")
    assert "Nobody is turned away." in await admin.see("/admin/blocklist")


async def test_signing_keys_are_rotated_once_pods_have_the_next(admin: Person, platform: Platform) -> None:
    assert "not yet with every pod" in await admin.send("/admin/signing-keys/rotate", 409)
    platform.clock.move(minutes=1)
    await admin.send("/admin/signing-keys/rotate")
    page = await admin.see("/admin/signing-keys")
    found = re.search(r"/admin/signing-keys/([^/]+)/delete", page)
    assert found
    await admin.send(f"/admin/signing-keys/{found[1]}/delete")
    audit = await admin.see("/admin/audit?q=signing_key")
    assert "signing_key.rotate" in audit
    assert "sign_in" not in audit


async def test_pods_are_shown_and_a_silent_redis_is_told(admin: Person, started: Start) -> None:
    assert "No pod runs." in await admin.see("/admin/gateways")
    assert "No connection is open." in await admin.see("/admin/connections?q=echo")
    await admin.send("/admin/connections/nothing/close", 404)
    async with started(redis_url=f"redis://127.0.0.1:{free_port()}/0") as platform, browse(platform) as browser:
        await sign_in(browser)
        person = await Person.of(browser)
        for path in ("gateways", "connections"):
            assert "does not answer" in await person.see(f"/admin/{path}", 503)
