"""Making an API in three steps, and its life."""

import pytest

from tests.integration.control_plane.asyncapi.mutants import CHAT_3, change
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person, lose_no_update, version_in, wrong_at

pytestmark = on_sqlite

DESIGN = {"name": "Echo", "context": "/echo", "version": "1.0", "tags": "a, b", "description": "Says it again."}
DEAD = "ws://127.0.0.1:9"


async def create(admin: Person, **changes: str) -> str:
    """Create an API; return where it is."""
    return (await admin.send("/publisher/new", **{**DESIGN, **changes})).partition("/implement")[0]


async def test_three_steps_make_an_api_that_can_be_published(admin: Person, platform: Platform) -> None:
    place = await create(admin)
    assert "say where its backend is" in await admin.see(place)
    assert (await admin.send(f"{place}/implement", production_urls=DEAD, next="1")).startswith(f"{place}/manage")
    assert "choose the policies that it offers" in await admin.see(place)
    manage = {"policies": ["Gold", "Bronze"], "auth": ["oauth2", "api_key"], "max_publish": "1024", "next": "1"}
    assert (await admin.send(f"{place}/manage", **manage)).startswith(f"{place}/lifecycle")
    assert "publish it" in await admin.see(place)
    await admin.send(f"{place}/lifecycle", action="publish")
    api = await platform.read(f"/publisher/v1/apis/{place.rpartition('/')[2]}")
    assert api["state"] == "PUBLISHED"
    assert api["tags"] == ["a", "b"]
    assert api["endpoints"]["production"]["urls"] == [DEAD]
    assert api["endpoints"]["sandbox"] is None
    assert api["policies"] == ["Bronze", "Gold"]
    assert api["auth"]["types"] == ["oauth2", "api_key"]
    assert api["max_message_bytes"] == {"publish": 1024, "subscribe": 0}


@pytest.mark.parametrize(
    ("step", "fields", "field", "said"),
    [
        ("design", {**DESIGN, "name": ""}, "name", "at least 1 character"),
        ("design", {**DESIGN, "tags": "x" * 51}, "tags", "at most 50 characters"),
        ("implement", {"production_urls": "http://x"}, "production_urls", "must be a ws:// or wss:// URL"),
        ("implement", {"sandbox_urls": "ws://10.0.0.1"}, "sandbox_urls", "address that is not allowed"),
        ("manage", {"auth": "oauth2", "idle_timeout_seconds": "soon"}, "idle_timeout_seconds", "valid integer"),
        ("manage", {"auth": "oauth2", "policies": "Plutonium"}, "policies", "Plutonium"),
        ("manage", {"auth": "oauth2", "origins": "nowhere"}, "origins", "must be an origin"),
        ("manage", {}, "auth", "at least 1 item"),
    ],
)
async def test_a_mistake_is_told_beside_its_field(
    admin: Person, step: str, fields: dict[str, str], field: str, said: str
) -> None:
    place = await create(admin)
    page = await admin.send(f"{place}/{step}", 422, **fields)
    assert said in wrong_at(page, field)
    assert 'role="alert"' in page


async def test_where_it_is_served_can_be_chosen_once_there_is_a_choice(admin: Person, platform: Platform) -> None:
    place = await create(admin)
    path = f"/publisher/v1/apis/{place.rpartition('/')[2]}"
    assert "Where it is served" not in await admin.see(f"{place}/manage")
    eu = {"name": "eu", "gateway_url": "wss://eu.example.com", "description": "Europe"}
    await platform.made("/admin/v1/environments", eu)
    assert "Europe" in await admin.see(f"{place}/manage")
    await admin.send(f"{place}/manage", auth="oauth2", places="1", environments="eu")
    assert (await platform.read(path))["environments"] == ["eu"]
    await admin.send(f"{place}/manage", auth="oauth2")
    assert (await platform.read(path))["environments"] == ["eu"], "a form that doesn't show them changes nothing"
    await admin.send(f"{place}/manage", auth="oauth2", places="1", policies="Gold")
    await admin.send(f"{place}/implement", production_urls=DEAD)
    await admin.send(f"{place}/lifecycle", action="publish")
    shown = await admin.see(f"/store/apis/{path.rpartition('/')[2]}")
    assert "<h3>eu</h3>" in shown
    assert 'id="url-2"' in shown
    page = await admin.send(f"{place}/manage", 422, auth="oauth2", policies="Gold", places="1", environments="us")
    assert "there is no environment" in wrong_at(page, "environments")


async def test_what_was_refused_stands_in_the_form(admin: Person) -> None:
    page = await admin.send("/publisher/new", 422, **{**DESIGN, "context": "no slash"})
    assert "must be a path such as /echo" in wrong_at(page, "context")
    assert 'value="no slash"' in page
    assert ">Says it again.</textarea>" in page
    await create(admin)
    assert "There is an API of this context" in await admin.send("/publisher/new", 422, **DESIGN)


async def test_backends_are_tested_as_the_form_shows_them(admin: Person, platform: Platform) -> None:
    place = await create(admin)
    page = await admin.send(f"{place}/implement/test", 200, production_urls=DEAD)
    assert "connection_refused" in page
    assert DEAD in page
    assert (await platform.read(f"/publisher/v1/apis/{place.rpartition('/')[2]}"))["endpoints"]["production"] is None
    refused = await admin.send(f"{place}/implement/test", 422, production_urls="ws://169.254.169.254")
    assert "address that is not allowed" in wrong_at(refused, "production_urls")
    assert "There is no URL to test yet." in await admin.send(f"{place}/implement/test", 200)


async def test_a_sandbox_without_a_backend_may_be_a_mock(admin: Person, platform: Platform) -> None:
    place = await create(admin)
    page = await admin.send(f"{place}/implement", 422, production_urls=DEAD, sandbox_mock="1")
    assert "needs an AsyncAPI document with examples" in wrong_at(page, "sandbox_urls")
    assert 'name="sandbox_mock" value="1" checked' in page
    path = f"/publisher/v1/apis/{place.rpartition('/')[2]}"
    hear = {"action": "send", "channel": {"$ref": "#/channels/lobby"}}
    example = {"operations.hear": hear, "channels.lobby.messages.said.examples": [{"payload": "hello"}]}
    assert (await platform.client.put(f"{path}/asyncapi", json=change(CHAT_3, example))).status_code == 200
    await admin.send(f"{place}/implement", production_urls=DEAD, sandbox_mock="1")
    assert (await platform.read(path))["endpoints"]["sandbox"]["mock"]
    assert "a mock" in await admin.see(place)
    await admin.send(f"{place}/implement", production_urls=DEAD)
    assert (await platform.read(path))["endpoints"]["sandbox"] is None


async def test_no_change_of_an_api_is_lost(admin: Person) -> None:
    place = await create(admin)
    page, other = f"{place}/design", {**DESIGN, "description": "Another."}
    await lose_no_update(admin, page, page, {**DESIGN, "tags": "c"}, other)
    assert "Another." in await admin.see(page)
    loaded = version_in(await admin.see(page), page)
    bad = await admin.send(page, 422, **{**DESIGN, "name": ""}, if_match=loaded)
    assert version_in(bad, page) == loaded
    tested = await admin.send(f"{place}/implement/test", 200, production_urls=DEAD, if_match=loaded)
    assert version_in(tested, f"{place}/implement") == loaded


async def test_only_what_the_lifecycle_allows_is_done(admin: Person) -> None:
    place = await create(admin)
    early = await admin.send(f"{place}/lifecycle", 422, action="publish")
    assert "an API that is served needs an endpoint" in early
    assert "retire is not open from CREATED" in await admin.send(f"{place}/lifecycle", 422, action="retire")
    assert "Block" not in await admin.see(f"{place}/lifecycle")


async def test_versions_are_made_and_deleted(admin: Person) -> None:
    place = await create(admin)
    made = (await admin.send(f"{place}/versions", version="2.0")).partition("?")[0]
    page = await admin.see(made)
    assert ">1.0</a>" in page
    assert "There is an API of this context" in await admin.send(f"{place}/versions", 422, version="2.0")
    assert await admin.send(f"{made}/delete") == "/publisher?done=deleted"
    await admin.see(made, 404)


async def test_an_api_with_subscriptions_stays(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    await platform.subscribe(await platform.make_application("Theirs"), api)
    place = f"/publisher/apis/{api['id']}"
    assert "The API has subscriptions." in await admin.send(f"{place}/delete", 422)
    page = await admin.see(f"{place}/subscriptions")
    assert "bootstrap" in page
    subscription = (await platform.read(f"/publisher/v1/apis/{api['id']}/subscriptions"))["items"][0]["id"]
    await admin.send(f"/publisher/subscriptions/{subscription}/block", scope="production")
    assert "blocked in production" in await admin.see(f"{place}/subscriptions")
    await admin.send(f"/publisher/subscriptions/{subscription}/unblock")
    assert "blocked in production" not in await admin.see(f"{place}/subscriptions")
    assert "has 1 subscription." in await admin.see(f"{place}/lifecycle")
    assert "publish" in await admin.see(f"{place}/lifecycle")


async def test_connections_are_listed_though_no_pod_runs(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    assert "No connection is open." in await admin.see(f"/publisher/apis/{api['id']}/connections")
    await admin.send(f"/publisher/apis/{api['id']}/connections/nothing/close", 404)


async def test_a_new_version_takes_the_place_of_the_older(admin: Person, platform: Platform) -> None:
    old = await platform.publish_api()
    await platform.subscribe(await platform.make_application(), old)
    new = await platform.made(f"/publisher/v1/apis/{old['id']}/versions", {"version": "2.0"})
    place = f"/publisher/apis/{new['id']}"
    assert "Otherwise it takes the subscriptions of 1.0 over." in await admin.see(f"{place}/lifecycle")
    await admin.send(f"{place}/lifecycle", action="publish", deprecate_older_versions="1")
    assert "subscriptions taken over: 1" in await admin.see(f"{place}/lifecycle")
    assert "version 2.0 was published" in await admin.see(f"/publisher/apis/{old['id']}/lifecycle")
    assert "App" in await admin.see(f"{place}/subscriptions")


async def test_subscriptions_are_moved_to_another_version(admin: Person, platform: Platform) -> None:
    old = await platform.publish_api()
    await platform.subscribe(await platform.make_application(), old)
    new = await platform.made(f"/publisher/v1/apis/{old['id']}/versions", {"version": "2.0"})
    path = f"/publisher/apis/{old['id']}/subscriptions"
    assert "Move all of them on" not in await admin.see(path)
    await admin.send(f"/publisher/apis/{new['id']}/lifecycle", action="publish", require_resubscription="1")
    assert "Move all of them on" in await admin.see(path)
    assert "no such other version" in await admin.send(f"{path}/move", 422, to=old["id"])
    assert await admin.send(f"{path}/move", to=new["id"]) == f"/publisher/apis/{new['id']}/subscriptions?done=all_moved"
    assert "Nobody has subscribed yet." in await admin.see(path)
