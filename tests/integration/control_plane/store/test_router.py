"""The store over REST."""

import json
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlmodel import select

from services.control_plane.identity.models import Account
from services.control_plane.kit import audit
from services.control_plane.store.applications import MAX_APPLICATIONS, ApplicationService
from services.control_plane.store.schemas import ApplicationWrite
from tests.integration.control_plane.platform import CLIENT_ID, Platform, fields, on_sqlite, problem

APPLICATIONS = "/store/v1/applications"
SUBSCRIPTIONS = "/store/v1/subscriptions"


def anonymous(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(platform.app), base_url="http://control-plane")


@pytest.mark.parametrize(
    ("actions", "shown"),
    [
        ((), False),
        (("prototype",), True),
        (("publish",), True),
        (("publish", "block"), False),
        (("publish", "deprecate"), True),
        (("publish", "deprecate", "retire"), False),
    ],
    ids=lambda value: "-".join(value) or "created" if isinstance(value, tuple) else None,
)
async def test_the_store_shows_what_can_be_called(platform: Platform, actions: tuple[str, ...], shown: bool) -> None:
    api = await platform.make_api(tags=["demo"], default=True)
    await platform.act(api, *actions)
    async with anonymous(platform) as anybody:
        page = (await anybody.get("/store/v1/apis")).json()
        one = await anybody.get(f"/store/v1/apis/{api['id']}")
        tags = (await anybody.get("/store/v1/tags")).json()
    if shown:
        assert page["items"] == [one.json()]
        assert one.headers["etag"]
        assert one.json()["gateway_urls"] == [
            "ws://localhost:9099/echowebsocket/1.0",
            "ws://localhost:9099/echowebsocket",
        ]
        assert tags == [{"name": "demo", "apis": 1}]
        assert "127.0.0.1:9" not in one.text  # where the backend is concerns nobody
    else:
        assert page["total"] == 0
        problem(one, 404, "not_found")
        assert tags == []


async def test_a_restricted_api_is_for_its_roles(platform: Platform) -> None:
    api = await platform.publish_api(visibility="restricted", roles=["subscriber"], tags=["secret"])
    path = f"/store/v1/apis/{api['id']}"
    async with anonymous(platform) as anybody, platform.account("outsider", "store:subscribe") as outsider:
        for client in (anybody, outsider):
            problem(await client.get(path), 404, "not_found")
            assert (await client.get("/store/v1/apis")).json()["total"] == 0
            assert (await client.get("/store/v1/tags")).json() == []
        application = (await outsider.get(APPLICATIONS)).json()["items"][0]
        body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
        problem(await outsider.post(SUBSCRIPTIONS, json=body), 404, "not_found")
    async with platform.account("insider", roles=("subscriber",)) as insider:
        assert (await insider.get(path)).json()["id"] == api["id"]
        assert (await insider.get("/store/v1/apis", params={"tag": "secret"})).json()["total"] == 1


async def test_there_are_snippets_for_whoever_may_see_the_api(platform: Platform) -> None:
    api = await platform.publish_api(auth={"types": ["oauth2"], "scopes": ["read", "write"]})
    hidden = await platform.publish_api(name="Two", context="/two", visibility="restricted", roles=["subscriber"])
    path = f"/store/v1/apis/{api['id']}/snippets"
    async with anonymous(platform) as anybody:
        languages = (await anybody.get(path)).json()
        assert {"language": "node", "title": "JavaScript in Node"} in languages
        for language in languages:
            snippet = (await anybody.get(f"{path}/{language['language']}")).json()
            assert {key: snippet[key] for key in language} == language
            assert "://localhost:9099/echowebsocket/1.0" in snippet["text"]
        assert '"read write"' in (await anybody.get(f"{path}/python")).json()["text"]
        unknown = problem(await anybody.get(f"{path}/cobol"), 404, "not_found")
        assert unknown["detail"].endswith("python, browser, node, java, go, wscat, curl.")
        for place in ("", "/python"):
            problem(await anybody.get(f"/store/v1/apis/{hidden['id']}/snippets{place}"), 404, "not_found")


@on_sqlite
async def test_a_bad_token_is_refused_even_where_none_is_needed(platform: Platform) -> None:
    answer = await platform.client.get("/store/v1/apis", headers={"Authorization": "Bearer nonsense"})
    problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_tags_select_and_are_counted(platform: Platform) -> None:
    await platform.publish_api(tags=["a", "b"])
    await platform.publish_api(name="Two", context="/two", tags=["b"])
    assert await platform.read("/store/v1/tags") == [{"name": "a", "apis": 1}, {"name": "b", "apis": 2}]
    assert [api["name"] for api in (await platform.read("/store/v1/apis", tag="a"))["items"]] == ["EchoWebSocket"]


async def test_tags_and_the_total_are_counted_anew_whatever_changes_in_an_api(platform: Platform) -> None:
    api = await platform.make_api(tags=["a"])
    path = f"/publisher/v1/apis/{api['id']}"

    async def counts() -> tuple[dict[str, int], int]:
        async with anonymous(platform) as anybody:
            tags = (await anybody.get("/store/v1/tags")).json()
            total = (await anybody.get("/store/v1/apis")).json()["total"]
        assert await platform.read("/store/v1/tags") == tags
        assert (await platform.read("/store/v1/apis"))["total"] == total
        return {tag["name"]: tag["apis"] for tag in tags}, total

    assert await counts() == ({}, 0)
    await platform.act(api, "publish")
    assert await counts() == ({"a": 1}, 1)
    for change, expected in (
        ({"tags": ["a", "b"]}, ({"a": 1, "b": 1}, 1)),
        ({"visibility": "restricted", "roles": ["creator"]}, ({}, 0)),
        ({"visibility": "public", "roles": []}, ({"a": 1, "b": 1}, 1)),
    ):
        answer = await platform.client.patch(path, json=change)
        assert answer.status_code == 200, answer.text
        assert await counts() == expected
    await platform.act(api, "block")
    assert await counts() == ({}, 0)
    assert (await platform.client.delete(path)).status_code == 204
    await platform.publish_api(tags=["c"])
    assert await counts() == ({"c": 1}, 1)


async def test_applications_are_made_changed_and_deleted(platform: Platform) -> None:
    made = await platform.client.post(APPLICATIONS, json={"name": "App", "description": "one", "policy": "10PerMin"})
    path = made.headers["location"]
    assert path == f"{APPLICATIONS}/{made.json()['id']}"
    assert (await platform.read(path)) == made.json()
    put = await platform.client.put(path, json={"name": "Renamed"})
    assert (put.json()["name"], put.json()["description"], put.json()["policy"]) == ("Renamed", "", "Unlimited")
    patched = await platform.client.patch(path, json={"policy": "50PerMin"}, headers={"If-Match": put.headers["etag"]})
    assert (patched.json()["name"], patched.json()["policy"]) == ("Renamed", "50PerMin")
    stale = {"If-Match": put.headers["etag"]}
    problem(await platform.client.put(path, json={"name": "Mine"}, headers=stale), 412, "precondition_failed")
    problem(await platform.client.delete(path, headers=stale), 412, "precondition_failed")
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.get(path), 404, "not_found")


async def test_names_are_unique_for_their_owner_only(platform: Platform) -> None:
    await platform.make_application("App")
    other = await platform.make_application("Other")
    problem(await platform.client.post(APPLICATIONS, json={"name": "App"}), 409, "already_exists")
    renamed = await platform.client.patch(f"{APPLICATIONS}/{other['id']}", json={"name": "App"})
    problem(renamed, 409, "already_exists")
    async with platform.account("another", "store:subscribe") as another:
        assert (await another.post(APPLICATIONS, json={"name": "App"})).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "x", "policy": "Gold"}, "policy"), ({"name": ""}, "name"), ({}, "name"), ({"name": "x", "y": 1}, "y")],
)
@on_sqlite
async def test_an_application_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(APPLICATIONS, json=body))) == [field]


async def test_nobody_sees_or_touches_what_is_another_s(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    subscription = await platform.subscribe(application, api)
    await platform.made(f"{APPLICATIONS}/{application['id']}/keys", {"key_type": "PRODUCTION"})
    mine, key = f"{APPLICATIONS}/{application['id']}", f"{APPLICATIONS}/{application['id']}/keys/PRODUCTION"
    async with platform.account("another", "store:subscribe") as other:
        attempts = [
            other.get(mine),
            other.put(mine, json={"name": "x"}),
            other.patch(mine, json={"name": "x"}),
            other.delete(mine),
            other.get(f"{mine}/keys"),
            other.post(f"{mine}/keys", json={"key_type": "SANDBOX"}),
            other.get(key),
            other.put(key, json={}),
            other.delete(key),
            other.post(f"{key}/regenerate-secret", json={}),
            other.post(f"{key}/token", json={}),
            other.get(f"{SUBSCRIPTIONS}/{subscription['id']}"),
            other.patch(f"{SUBSCRIPTIONS}/{subscription['id']}", json={"policy": "Gold"}),
            other.delete(f"{SUBSCRIPTIONS}/{subscription['id']}"),
            other.post(
                SUBSCRIPTIONS, json={"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
            ),
        ]
        for attempt in attempts:
            problem(await attempt, 404, "not_found")
        assert (await other.get(SUBSCRIPTIONS)).json()["total"] == 0
        assert [app["name"] for app in (await other.get(APPLICATIONS)).json()["items"]] == ["DefaultApplication"]
    assert (await platform.read(mine)) == application


async def test_a_subscription_is_made_moved_and_removed(platform: Platform) -> None:
    api = await platform.publish_api(policies=["Gold", "Silver"])
    application = await platform.make_application()
    subscription = await platform.subscribe(application, api)
    path = f"{SUBSCRIPTIONS}/{subscription['id']}"
    assert (await platform.read(path)) == subscription
    assert subscription["state"] == "UNBLOCKED"
    moved = await platform.client.patch(path, json={"policy": "Silver"})
    assert moved.json()["policy"] == "Silver"
    stale = await platform.client.patch(path, json={"policy": "Gold"}, headers={"If-Match": '"1"'})
    problem(stale, 412, "precondition_failed")
    assert list(fields(await platform.client.patch(path, json={"policy": "Bronze"}))) == ["policy"]
    assert (await platform.read(SUBSCRIPTIONS, application_id=application["id"]))["total"] == 1
    assert (await platform.read(SUBSCRIPTIONS, api_id="another"))["total"] == 0
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.delete(path), 404, "not_found")


@on_sqlite
async def test_an_account_has_only_so_many_applications_unless_it_is_the_pipelines(platform: Platform) -> None:
    async with platform.account("subscriber", "store:subscribe") as client:
        with platform.database.writing() as session:
            audit.begin(session, audit.AuditContext(audit.SYSTEM, "", platform.clock))
            accounts = session.exec(select(Account).where(Account.kind == "service")).all()
            for account in accounts:
                for number in range(MAX_APPLICATIONS - 1):  # beside the first, that each has
                    body = ApplicationWrite(name=f"{account.name}-{number}")
                    platform.get(ApplicationService).create(session, body, account.id)
        problem(await client.post(APPLICATIONS, json={"name": "one more"}), 409, "conflict")
        (one, *_) = (await client.get(APPLICATIONS)).json()["items"]
        assert (await client.delete(f"{APPLICATIONS}/{one['id']}")).status_code == 204
        assert (await client.post(APPLICATIONS, json={"name": "one more"})).status_code == 201
    assert {account.name for account in accounts} == {"subscriber", CLIENT_ID}
    await platform.made(APPLICATIONS, {"name": "one more"})


async def test_an_application_subscribes_once(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    await platform.subscribe(application, api)
    body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
    problem(await platform.client.post(SUBSCRIPTIONS, json=body), 409, "already_exists")


async def test_the_policy_must_be_offered(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    body = {"application_id": application["id"], "api_id": api["id"], "policy": "Silver"}
    assert "Gold" in fields(await platform.client.post(SUBSCRIPTIONS, json=body))["policy"]


@pytest.mark.parametrize(
    ("actions", "status", "slug"),
    [
        ((), 404, "not_found"),
        (("prototype",), 409, "conflict"),
        (("publish", "block"), 404, "not_found"),
        (("publish", "deprecate"), 409, "conflict"),
        (("publish", "deprecate", "retire"), 404, "not_found"),
    ],
)
async def test_only_a_published_api_takes_subscriptions(
    platform: Platform, actions: tuple[str, ...], status: int, slug: str
) -> None:
    api = await platform.make_api()
    await platform.act(api, *actions)
    application = await platform.make_application()
    body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
    problem(await platform.client.post(SUBSCRIPTIONS, json=body), status, slug)


async def test_a_publisher_blocks_and_unblocks(platform: Platform, redis_url: str) -> None:
    api = await platform.publish_api()
    async with platform.account("another", "store:subscribe") as subscriber:
        (application,) = (await subscriber.get(APPLICATIONS)).json()["items"]
        body = {"application_id": application["id"], "api_id": api["id"], "policy": "Gold"}
        subscription = (await subscriber.post(SUBSCRIPTIONS, json=body)).json()
        path = f"/publisher/v1/subscriptions/{subscription['id']}"
        problem(await subscriber.post(f"{path}/block", json={}), 403, "insufficient_scope")
    (listed,) = (await platform.read(f"/publisher/v1/apis/{api['id']}/subscriptions"))["items"]
    assert listed["id"] == subscription["id"]
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        for action, body, state in (
            ("block", {"scope": "production"}, "PROD_ONLY_BLOCKED"),
            ("block", {"scope": "all"}, "BLOCKED"),
            ("unblock", {}, "UNBLOCKED"),
        ):
            assert (await platform.made(f"{path}/{action}", body, 200))["state"] == state
            pushed = platform.catalogue(redis)["subscription"][subscription["id"]]
            assert json.loads(pushed)["state"] == state
    assert list(fields(await platform.client.post(f"{path}/block", json={"scope": "some"}))) == ["scope"]


async def test_an_application_takes_its_keys_and_subscriptions_along(platform: Platform, redis_url: str) -> None:
    api = await platform.publish_api()
    application = await platform.make_application()
    await platform.subscribe(application, api)
    key = await platform.made(f"{APPLICATIONS}/{application['id']}/keys", {"key_type": "PRODUCTION"})
    assert (await platform.client.delete(f"{APPLICATIONS}/{application['id']}")).status_code == 204
    assert (await platform.read(SUBSCRIPTIONS))["total"] == 0
    form = {"grant_type": "client_credentials"}
    answer = await platform.client.post("/oauth2/token", data=form, auth=(key["consumer_key"], key["consumer_secret"]))
    assert answer.status_code == 401
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        found = platform.catalogue(redis)
    assert (found["key"], found["subscription"]) == ({}, {})
    assert application["id"] not in found["application"]
