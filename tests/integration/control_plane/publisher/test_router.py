"""APIs over REST."""

import json
from typing import Any

import pytest
from redis import Redis

from tests.integration.control_plane.platform import (
    CLIENT_ID,
    CLIENT_SECRET,
    ECHO,
    Platform,
    fields,
    on_sqlite,
    problem,
)

APIS = "/publisher/v1/apis"


async def test_an_api_is_made_read_changed_and_deleted(platform: Platform) -> None:
    made = await platform.client.post(APIS, json={**ECHO, "tags": ["b", "a", "a"], "api_policy": "10KPerMin"})
    api = made.json()
    assert made.headers["location"] == f"{APIS}/{api['id']}"
    assert api["state"] == "CREATED"
    assert api["tags"] == ["a", "b"]
    endpoint = {"mock": False, "urls": ["ws://127.0.0.1:9"], "balance": "round_robin", "health_check_seconds": None}
    assert api["endpoints"]["production"] == endpoint

    read = await platform.client.get(made.headers["location"])
    assert read.json() == api
    assert read.headers["etag"] == made.headers["etag"]

    changed = {**ECHO, "description": "Says it again", "policies": ["Silver", "Gold"], "origins": ["https://a.example"]}
    put = await platform.client.put(made.headers["location"], json=changed)
    assert put.json()["policies"] == ["Gold", "Silver"]
    assert put.json()["api_policy"] is None
    assert put.headers["etag"] != made.headers["etag"]

    sandbox = {"urls": ["ws://127.0.0.1:10"], "balance": "failover", "health_check_seconds": 5}
    patch = {"description": None, "endpoints": {"sandbox": sandbox}, "auth": {"query": True}}
    patched = (await platform.client.patch(made.headers["location"], json=patch)).json()
    assert patched["description"] == ""
    assert patched["endpoints"]["production"]["urls"] == ["ws://127.0.0.1:9"]
    assert patched["endpoints"]["sandbox"] == sandbox | {"mock": False}
    assert patched["auth"] == {"types": ["oauth2"], "scopes": [], "query": True}

    assert (await platform.client.delete(made.headers["location"])).status_code == 204
    problem(await platform.client.get(made.headers["location"]), 404, "not_found")


async def test_the_first_of_two_editors_wins(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}"
    seen = {"If-Match": (await platform.client.get(path)).headers["etag"]}
    assert (await platform.client.put(path, json=ECHO, headers=seen)).status_code == 200
    for attempt in (
        platform.client.put(path, json=ECHO, headers=seen),
        platform.client.patch(path, json={"description": "mine"}, headers=seen),
        platform.client.delete(path, headers=seen),
        platform.client.post(f"{path}/lifecycle", json={"action": "publish"}, headers=seen),
    ):
        answer = await attempt
        problem(answer, 412, "precondition_failed")
        assert answer.headers["etag"] == '"2"'


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoints": {"production": {"urls": ["ws://127.0.0.1", "ws://10.0.0.1"]}}}, "endpoints.production.urls.1"),
        ({"endpoints": {"sandbox": {"urls": ["ws://169.254.169.254/latest"]}}}, "endpoints.sandbox.urls.0"),
        ({"policies": ["Gold", "Platinum"]}, "policies.1"),
        ({"api_policy": "Gold"}, "api_policy"),
        ({"anonymous_policy": "10KPerMin"}, "anonymous_policy"),
        ({"roles": ["nobody"]}, "roles.0"),
        ({"colour": "red"}, "colour"),
        ({"paths": [{"path": "/a"}, {"path": "b"}]}, "paths.1.path"),
        ({"paths": [{"path": "/a/{b}", "backend_path": "/{c}"}]}, "paths.0.backend_path"),
        ({"paths": [{"path": "/a", "scopes": ["x"]}], "auth": {"types": ["none"]}}, "paths"),
        ({"context": "/Echo/"}, "context"),
    ],
)
@on_sqlite
async def test_a_field_that_is_wrong_is_named(platform: Platform, changes: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(APIS, json={**ECHO, **changes}))) == [field]
    assert (await platform.read(APIS))["total"] == 0


async def test_anonymous_clients_get_a_policy(platform: Platform, redis_url: str) -> None:
    api = await platform.publish_api(auth={"types": ["none"]}, anonymous_policy="Unauthenticated")
    path = f"{APIS}/{api['id']}"
    assert (await platform.read(path))["anonymous_policy"] == "Unauthenticated"
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert json.loads(platform.catalogue(redis)["api"][api["id"]])["anonymous_policy"] == "Unauthenticated"
        patched = await platform.client.patch(path, json={"anonymous_policy": None})
        assert patched.json()["anonymous_policy"] is None
        assert json.loads(platform.catalogue(redis)["api"][api["id"]])["anonymous_policy"] is None


@on_sqlite
async def test_a_forbidden_address_does_not_get_in_by_a_patch(platform: Platform) -> None:
    api = await platform.make_api()
    answer = await platform.client.patch(
        f"{APIS}/{api['id']}", json={"endpoints": {"production": {"urls": ["ws://192.168.0.1"]}}}
    )
    assert list(fields(answer)) == ["endpoints.production.urls.0"]


@on_sqlite
async def test_a_name_without_an_address_is_accepted(platform: Platform) -> None:
    api = await platform.make_api(endpoints={"production": {"urls": ["ws://backend.invalid"]}})
    assert api["endpoints"]["production"]["urls"] == ["ws://backend.invalid"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"context": "/EchoWebSocket", "name": "Other"},
        {"context": "/other"},
    ],
    ids=["the same", "by case alone", "the name and version"],
)
async def test_there_is_one_api_of_a_context_or_name_and_version(platform: Platform, changes: dict[str, Any]) -> None:
    await platform.make_api()
    problem(await platform.client.post(APIS, json={**ECHO, **changes}), 409, "already_exists")


@pytest.mark.parametrize("context", ["/echowebsocket/1.0", "/EchoWebSocket/1.0", "/echowebsocket/1.0/more"])
async def test_a_context_that_clients_could_not_tell_apart_is_refused(platform: Platform, context: str) -> None:
    await platform.make_api()
    answer = await platform.client.post(APIS, json={**ECHO, "name": "Other", "context": context, "version": "2"})
    assert list(fields(answer)) == ["context"]


async def test_nor_the_other_way_round(platform: Platform) -> None:
    await platform.make_api(name="Inner", context="/echowebsocket/1.0/more")
    assert list(fields(await platform.client.post(APIS, json=ECHO))) == ["context"]
    await platform.make_api(version="1.00")
    await platform.make_api(name="Beside", context="/echowebsocket/1")


@pytest.mark.parametrize("field", ["context", "version"])
@on_sqlite
async def test_what_clients_call_it_by_stays(platform: Platform, field: str) -> None:
    api = await platform.make_api()
    answer = await platform.client.patch(f"{APIS}/{api['id']}", json={field: "/2"})
    assert list(fields(answer)) == [field]


async def test_a_copy_is_another_version(platform: Platform) -> None:
    api = await platform.publish_api(tags=["demo"])
    copy = await platform.made(f"{APIS}/{api['id']}/versions", {"version": "2.0"})
    assert (copy["version"], copy["state"], copy["tags"]) == ("2.0", "CREATED", ["demo"])
    assert copy["endpoints"] == api["endpoints"]
    again = await platform.client.post(f"{APIS}/{api['id']}/versions", json={"version": "2.0"})
    problem(again, 409, "already_exists")


async def test_a_context_has_one_default_version(platform: Platform) -> None:
    first = await platform.make_api(default=True)
    second = await platform.made(f"{APIS}/{first['id']}/versions", {"version": "2.0", "default": True})
    assert second["default"]
    assert not (await platform.read(f"{APIS}/{first['id']}"))["default"]
    await platform.client.patch(f"{APIS}/{first['id']}", json={"default": True})
    assert not (await platform.read(f"{APIS}/{second['id']}"))["default"]
    other = await platform.make_api(name="Other", context="/other", default=True)
    assert other["default"]
    assert (await platform.read(f"{APIS}/{first['id']}"))["default"]


async def test_lifecycle_says_what_is_open_and_what_was(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}/lifecycle"
    await platform.act(api, "publish", "block", "unblock", "deprecate")
    lifecycle = await platform.read(path)
    assert lifecycle["state"] == "DEPRECATED"
    assert lifecycle["transitions"] == [{"action": "retire", "to": "RETIRED"}]
    assert [(event["action"], event["to_state"]) for event in lifecycle["history"]] == [
        ("publish", "PUBLISHED"),
        ("block", "BLOCKED"),
        ("unblock", "PUBLISHED"),
        ("deprecate", "DEPRECATED"),
    ]
    refused = problem(await platform.client.post(path, json={"action": "publish"}), 409, "transition_not_open")
    assert refused["open"] == ["retire"]
    assert list(fields(await platform.client.post(path, json={"action": "explode"}))) == ["action"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"endpoints": {}}, ["endpoints"]),
        ({"policies": []}, ["policies"]),
        ({"endpoints": {}, "policies": []}, ["endpoints", "policies"]),
    ],
)
@on_sqlite
async def test_what_nobody_could_use_is_not_published(
    platform: Platform, changes: dict[str, Any], missing: list[str]
) -> None:
    api = await platform.make_api(**changes)
    answer = await platform.client.post(f"{APIS}/{api['id']}/lifecycle", json={"action": "publish"})
    assert list(fields(answer)) == missing
    assert (await platform.read(f"{APIS}/{api['id']}"))["state"] == "CREATED"


@on_sqlite
async def test_an_open_api_needs_no_policy(platform: Platform) -> None:
    await platform.publish_api(policies=[], auth={"types": ["none"]})


async def test_an_api_that_is_served_keeps_what_it_needs(platform: Platform) -> None:
    api = await platform.publish_api()
    answer = await platform.client.patch(f"{APIS}/{api['id']}", json={"endpoints": {"production": None}})
    assert list(fields(answer)) == ["endpoints"]


async def test_an_api_with_subscriptions_is_not_deleted(platform: Platform) -> None:
    api = await platform.publish_api()
    subscription = await platform.subscribe(await platform.make_application(), api)
    problem(await platform.client.delete(f"{APIS}/{api['id']}"), 409, "in_use")
    await platform.client.delete(f"/store/v1/subscriptions/{subscription['id']}")
    assert (await platform.client.delete(f"{APIS}/{api['id']}")).status_code == 204


async def test_each_action_has_its_scope(platform: Platform) -> None:
    api = await platform.make_api()
    path = f"{APIS}/{api['id']}"
    client = platform.client
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET, "publisher:read")
    assert (await client.get(path)).status_code == 200
    refused = await client.put(path, json=ECHO)
    problem(refused, 403, "insufficient_scope")
    assert 'scope="publisher:write"' in refused.headers["www-authenticate"]
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET, "publisher:write")
    assert (await client.put(path, json=ECHO)).status_code == 200
    problem(await client.get(path), 403, "insufficient_scope")
    problem(await client.post(f"{path}/lifecycle", json={"action": "publish"}), 403, "insufficient_scope")
    await platform.sign_in(CLIENT_ID, CLIENT_SECRET, "publisher:publish")
    assert (await client.post(f"{path}/lifecycle", json={"action": "publish"})).status_code == 200


async def test_an_api_is_its_owner_s_and_the_administrators(platform: Platform) -> None:
    async with platform.account("owner", roles=("publisher",)) as owner:
        async with platform.account("other", roles=("publisher",)) as other:
            api = (await owner.post(APIS, json=ECHO)).json()
            path = f"{APIS}/{api['id']}"
            publish = {"action": "publish"}
            assert (await owner.post(f"{path}/lifecycle", json=publish)).status_code == 200
            subscription = await platform.subscribe(await platform.make_application(), api)
            block = f"/publisher/v1/subscriptions/{subscription['id']}"
            for method, place, body in (
                ("GET", path, None),
                ("PUT", path, ECHO),
                ("PATCH", path, {"description": "x"}),
                ("DELETE", path, None),
                ("GET", f"{path}/lifecycle", None),
                ("POST", f"{path}/lifecycle", publish),
                ("POST", f"{path}/versions", {"version": "2.0"}),
                ("POST", f"{path}/endpoints/test", None),
                ("GET", f"{path}/subscriptions", None),
                ("GET", f"{path}/connections", None),
                ("DELETE", f"{path}/connections", None),
                ("DELETE", f"{path}/connections/x", None),
                ("GET", f"{path}/usage", None),
                ("POST", f"{block}/block", None),
                ("POST", f"{block}/unblock", None),
            ):
                problem(await other.request(method, place, json=body), 404, "not_found")
            assert (await other.get(APIS)).json()["total"] == 0
        assert [found["id"] for found in (await owner.get(APIS)).json()["items"]] == [api["id"]]
        assert (await owner.post(f"{block}/block")).json()["state"] == "BLOCKED"
        assert [found["id"] for found in (await platform.read(APIS))["items"]] == [api["id"]]
        assert (await platform.client.patch(path, json={"description": "x"})).status_code == 200
        copy = await platform.made(f"{path}/versions", {"version": "2.0"})
        assert copy["owner"] == api["owner"]
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET, "publisher:read")
        problem(await platform.client.get(path), 404, "not_found")


async def test_nobody_else_gets_into_a_context(platform: Platform) -> None:
    async with platform.account("owner", roles=("publisher",)) as owner:
        first = (await owner.post(APIS, json=ECHO)).json()
        second = {**ECHO, "name": "Other", "version": "2.0", "default": True}
        async with platform.account("other", roles=("publisher",)) as other:
            for context in (ECHO["context"], ECHO["context"].upper()):
                answer = await other.post(APIS, json={**second, "context": context})
                assert list(fields(answer)) == ["context"]
        assert (await owner.post(APIS, json=second)).status_code == 201
        third = await platform.make_api(name="Third", version="3.0")
        assert third["owner"] == first["owner"]


async def test_paths_reach_the_pods(platform: Platform, redis_client: Redis) -> None:
    path = {"path": "/rooms/{id}", "scopes": ["read"], "backend_path": None, "policy": None}
    api = await platform.publish_api(paths=[{"path": "/rooms/{id}", "scopes": ["read"]}])
    assert api["paths"] == [path]
    assert json.loads(platform.catalogue(redis_client)["api"][api["id"]])["paths"] == [path]
    patched = await platform.client.patch(f"{APIS}/{api['id']}", json={"paths": []})
    assert patched.json()["paths"] == []
