"""The store, applications and their keys, as a subscriber uses them."""

import re
from html import unescape

from services.control_plane.store.snippets.languages import LANGUAGES
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, lose_no_update, shown, wrong_at
from tests.integration.control_plane.routes.test_lists import Spy

pytestmark = on_sqlite


async def make_application(admin: Person, name: str = "Mine") -> str:
    return (await admin.send("/applications/new", name=name, policy="Unlimited")).partition("?")[0]


async def test_the_store_finds_by_text_and_by_tag(admin: Person, platform: Platform) -> None:
    await platform.publish_api(tags=["chat"])
    await platform.publish_api(name="Ticks", context="/ticks", tags=["prices"])
    assert "chat · 1" in await admin.see("/store")
    found = await admin.see("/store?q=tick")
    assert ">Ticks<" in found
    assert ">EchoWebSocket<" not in found
    assert ">Ticks<" not in await admin.see("/store?tag=chat")
    assert "Nothing fits." in await admin.see("/store?q=nothing")


async def test_the_store_shows_clients_to_start_from(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api(auth={"types": ["oauth2"], "scopes": ["</pre><b>"]})
    page = (await admin.browser.get(f"/store/apis/{api['id']}")).text
    for language in LANGUAGES:
        snippet = await platform.read(f"/store/v1/apis/{api['id']}/snippets/{language}")
        assert unescape(shown(page, f"snippet-{language}")) == snippet["text"]


async def test_the_store_reads_an_api_once_for_its_page(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    with Spy(platform.database).listening() as heard:
        await admin.see(f"/store/apis/{api['id']}")
    assert sum("api.endpoints" in statement for statement, _ in heard) == 1


async def test_a_subscription_is_made_moved_and_taken_back(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api(policies=["Gold", "Bronze"])
    place = f"/store/apis/{api['id']}"
    page = await admin.see(place)
    assert "Allows 5,000 messages every minute from client to backend." in page
    application = (await make_application(admin)).rpartition("/")[2]
    refused = await admin.send(f"{place}/subscribe", 422, application_id=application, policy="Silver")
    assert "the API does not offer 'Silver'" in refused
    await admin.send(f"{place}/subscribe", application_id=application, policy="Gold")
    listed = await platform.read(f"/publisher/v1/apis/{api['id']}/subscriptions")
    subscription = listed["items"][0]["id"]
    assert "done=moved" in await admin.send(f"/subscriptions/{subscription}/move", policy="Bronze")
    assert "<option selected>Bronze</option>" in await admin.see(f"/applications/{application}")
    assert "done=unsubscribed" in await admin.send(f"/subscriptions/{subscription}/delete")
    assert "Not subscribed to anything." in await admin.see(f"/applications/{application}")


async def test_a_secret_is_shown_once(admin: Person) -> None:
    place = await make_application(admin)
    page = await admin.send(f"{place}/keys", 200, key_type="PRODUCTION", validity_seconds="60", scopes="read write")
    secret, token = shown(page, "once-secret"), shown(page, "once-token")
    later = await admin.see(place)
    assert secret not in later
    assert token not in later
    assert "with the scopes read write" in later
    again = await admin.send(f"{place}/keys/PRODUCTION/regenerate", 200, overlap_seconds="60")
    assert shown(again, "once-secret") != secret
    fetched = await admin.send(f"{place}/keys/PRODUCTION/token", 200)
    assert shown(fetched, "once-token") != token
    assert "once-secret" not in fetched
    assert "done=key_deleted" in await admin.send(f"{place}/keys/PRODUCTION/delete")
    assert "Generate production keys" in await admin.see(place)


async def test_a_bad_key_is_not_made(admin: Person) -> None:
    place = await make_application(admin)
    page = await admin.send(f"{place}/keys", 422, key_type="SANDBOX", validity_seconds="1")
    assert "greater than or equal to 5" in wrong_at(page, "validity-SANDBOX")
    assert "'PRODUCTION' or 'SANDBOX'" in await admin.send(f"{place}/keys", 422, key_type="OTHER")


async def test_an_api_key_is_shown_once(admin: Person, platform: Platform) -> None:
    place = await make_application(admin)
    key = {"api_key_name": "Sensor", "api_key_type": "SANDBOX", "allowed_ips": "203.0.113.7, 198.51.100.0/24"}
    page = await admin.send(f"{place}/api-keys", 200, **key)
    text = shown(page, "once-api-key")
    later = await admin.see(place)
    assert text not in later
    assert f"<code>{text[-4:]}</code>" in later
    assert "203.0.113.7, 198.51.100.0/24" in later
    bad = await admin.send(f"{place}/api-keys", 422, **{**key, "allowed_ips": "nowhere"})
    assert "must be an IP address" in wrong_at(bad, "allowed_ips")
    found = re.search(r"/api-keys/([^/]+)/delete", later)
    assert found
    assert "done=api_key_deleted" in await admin.send(f"{place}/api-keys/{found[1]}/delete")
    assert "203.0.113.7" not in await admin.see(place)


async def test_no_change_of_an_application_is_lost(admin: Person) -> None:
    place = (await admin.send("/applications/new", name="Robot", policy="Unlimited")).partition("?")[0]
    first, second = ({"name": name, "policy": "Unlimited"} for name in ("Robot One", "Robot Two"))
    await lose_no_update(admin, place, place, first, second)
    assert "Robot Two" in await admin.see(place)


async def test_an_application_is_changed_and_deleted(admin: Person) -> None:
    place = await make_application(admin)
    taken = await admin.send("/applications/new", 422, name="Mine", policy="Unlimited", description="kept")
    assert "You have an application Mine already." in taken
    assert ">kept</textarea>" in taken
    empty = await admin.send(place, 422, name="", policy="Unlimited")
    assert "at least 1 character" in wrong_at(empty, "name")
    await admin.send(place, name="Renamed", policy="10PerMin")
    assert "<h1>Renamed</h1>" in await admin.see(place)
    assert await admin.send(f"{place}/delete") == "/applications?done=application_deleted"
    await admin.see(place, 404)
