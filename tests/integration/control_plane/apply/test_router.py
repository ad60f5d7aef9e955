"""Manifests over REST."""

import asyncio
import json
from typing import Any, Final

import httpx
import pytest
import yaml
from redis import Redis
from sqlmodel import func, select

from services.control_plane.catalogue.models import CatalogueState
from services.control_plane.kit.audit import AuditEntry
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite, problem

APPLY: Final = "/publisher/v1/apply"
EXPORT: Final = "/publisher/v1/export"
SUBSCRIPTION: Final = {"application": "Robot", "api": "EchoWebSocket", "policy": "Gold"}
MANIFEST: Final[dict[str, Any]] = {
    "policies": [{"name": "Slow", "level": "subscription", "limits": [{"amount": 5}]}],
    "apis": [{**ECHO, "policies": ["Slow", "Gold"], "tags": ["b", "a"], "state": "published"}],
    "applications": [{"name": "Robot", "policy": "10PerMin"}],
    "subscriptions": [SUBSCRIPTION],
}


async def apply(client: httpx.AsyncClient, manifest: Any, **params: bool) -> list[dict[str, Any]]:
    """Apply a manifest, and return the changes."""
    answer = await client.post(APPLY, json=manifest, params=params)
    assert answer.status_code == 200, answer.text
    changes: list[dict[str, Any]] = answer.json()["changes"]
    return changes


def actions(changes: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what was done by what it was done with, nothing left out but what stayed as it was."""
    return {
        f"{change['action']} {change['name']}": change["fields"] for change in changes if change["action"] != "none"
    }


def state_of(platform: Platform) -> tuple[int, int]:
    """Return what grows with every change: the pods' revision, and the audit."""
    with platform.database.reading() as session:
        audited = session.exec(select(func.count()).select_from(AuditEntry)).one()
        return session.exec(select(CatalogueState.revision)).one(), audited


async def test_a_manifest_makes_everything_and_twice_changes_nothing(platform: Platform, redis_client: Redis) -> None:
    changes = await apply(platform.client, MANIFEST)
    assert changes == [
        {"kind": "policy", "name": "Slow", "level": "subscription", "action": "create", "fields": []},
        {"kind": "api", "name": "EchoWebSocket", "version": "1.0", "action": "create", "fields": []},
        {"kind": "application", "name": "Robot", "action": "create", "fields": []},
        {"kind": "subscription", "name": "Robot to EchoWebSocket 1.0", "action": "create", "fields": []},
    ]
    found = platform.catalogue(redis_client)
    assert [json.loads(api)["state"] for api in found["api"].values()] == ["PUBLISHED"]
    assert [json.loads(item)["policy"] for item in found["subscription"].values()] == ["Gold"]

    before = state_of(platform)
    again = await apply(platform.client, MANIFEST)
    assert {change["action"] for change in again} == {"none"}
    assert state_of(platform) == before
    (api,) = (await platform.read("/publisher/v1/apis"))["items"]
    assert api["created_at"] <= api["updated_at"]
    assert platform.catalogue(redis_client) == found


async def test_only_what_differs_is_changed_and_told(platform: Platform) -> None:
    await apply(platform.client, MANIFEST)
    (api,) = MANIFEST["apis"]
    changed = {
        "policies": [{**MANIFEST["policies"][0], "limits": [{"amount": 6}], "on_exceed": "close"}],
        "apis": [{**api, "tags": ["a", "b", "a"], "description": "More", "state": "BLOCKED"}],
        "applications": [{"name": "Robot", "policy": "20PerMin"}],
        "subscriptions": [{**SUBSCRIPTION, "version": "1.0", "policy": "Slow"}],
    }
    wanted = {
        "update Slow": ["limits", "on_exceed"],
        "update EchoWebSocket": ["state", "description"],
        "update Robot": ["policy"],
        "update Robot to EchoWebSocket 1.0": ["policy"],
    }
    would = await apply(platform.client, changed, dry_run=True)
    assert actions(would) == wanted
    assert would[1]["before"] == {"state": "published", "description": ""}
    assert would[1]["after"] == {"state": "blocked", "description": "More"}
    assert actions(await apply(platform.client, changed)) == wanted
    assert actions(await apply(platform.client, changed)) == {}
    assert (await platform.read("/admin/v1/policies/Slow"))["limits"][0]["amount"] == 6


async def test_a_dry_run_keeps_nothing(platform: Platform) -> None:
    before = state_of(platform)
    changes = await apply(platform.client, MANIFEST, dry_run=True)
    assert [change["action"] for change in changes] == ["create"] * 4
    assert state_of(platform) == before
    assert (await platform.read("/publisher/v1/apis"))["total"] == 0


async def test_it_is_all_or_nothing(platform: Platform) -> None:
    before = state_of(platform)
    broken = {**MANIFEST, "subscriptions": [SUBSCRIPTION, {**SUBSCRIPTION, "application": "Nobody"}]}
    assert list(fields(await platform.client.post(APPLY, json=broken))) == ["subscriptions.1.application"]
    assert state_of(platform) == before
    assert (await platform.read("/publisher/v1/apis"))["total"] == 0


async def test_yaml_is_read_as_json_is(platform: Platform) -> None:
    for kind in ("application/yaml", "text/x-yaml; charset=utf-8"):
        answer = await platform.client.post(
            APPLY, content=yaml.safe_dump(MANIFEST).encode(), headers={"Content-Type": kind}
        )
        assert answer.status_code == 200, answer.text
    assert actions(await apply(platform.client, MANIFEST)) == {}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            {"apis": [{**ECHO, "endpoints": {"production": {"urls": ["ws://10.0.0.1"]}}}]},
            "apis.0.endpoints.production.urls.0",
        ),
        (
            {"apis": [{**ECHO, "endpoints": {"production": {"urls": ["http://a"]}}}]},
            "apis.0.endpoints.production.urls.0",
        ),
        ({"apis": [ECHO, {**ECHO, "name": "B", "context": "/ECHOwebsocket"}]}, "apis"),
        ({"apis": [ECHO, {**ECHO, "name": "B", "context": "/echowebsocket/1.0"}]}, "apis.1.context"),
        ({"apis": [{**ECHO, "version": 1.0}]}, "apis.0.version"),
        ({"apis": [{**ECHO, "policies": ["Platinum"]}]}, "apis.0.policies.0"),
        ({"apis": [{**ECHO, "backend_credentials": True}]}, "apis.0.backend_credentials"),
        ({"apis": [{**ECHO, "state": "asleep"}]}, "apis.0.state"),
        ({"apis": [{**ECHO, "endpoints": {}, "state": "published"}]}, "apis.0.state.endpoints"),
        ({"applications": [{"name": "A", "policy": "Gold"}]}, "applications.0.policy"),
        ({"applications": [{"name": "A"}, {"name": "A"}]}, "applications"),
        ({"policies": [{"name": "A", "level": "api", "overrides": []}]}, "policies.0.overrides"),
        ({"subscriptions": [{**SUBSCRIPTION, "application": "DefaultApplication"}]}, "subscriptions.0.api"),
        ({"apis": [], "things": []}, "things"),
        ([], ""),
    ],
)
@on_sqlite
async def test_what_is_wrong_is_named_by_its_place(platform: Platform, changes: Any, place: str) -> None:
    assert list(fields(await platform.client.post(APPLY, json=changes))) == [place]
    assert (await platform.read("/publisher/v1/apis"))["total"] == 0


@on_sqlite
async def test_conflicts_name_their_place_too(platform: Platform) -> None:
    await platform.make_api(context="/other")
    answer = await platform.client.post(APPLY, json={"apis": [ECHO]})
    assert problem(answer, 409, "already_exists")["errors"][0]["field"] == "apis.0"
    retired = {**ECHO, "name": "Old", "state": "retired"}
    await apply(platform.client, {"apis": [retired]})
    answer = await platform.client.post(APPLY, json={"apis": [{**retired, "state": "published"}]})
    (error,) = problem(answer, 409, "conflict")["errors"]
    assert error == {"field": "apis.0.state", "message": "No transitions lead from RETIRED to PUBLISHED."}


@pytest.mark.parametrize(
    ("content", "kind", "place"),
    [
        (b"a: &a [x]\nb: *a", "application/yaml", "a"),
        (b"apis: [" + b"[" * 100 + b"]" * 100 + b"]", "application/yaml", "body"),
        (b'{"apis": [], "apis": []}', "application/json", "apis"),
        (b"apis: []\napis: []", "application/yaml", "apis"),
        (b"apis: !!python/name:os.system x", "application/yaml", "apis"),
        (b"{}", "text/plain", "Content-Type"),
        (b"{}", "", "Content-Type"),
    ],
)
@on_sqlite
async def test_hostile_documents_are_refused(platform: Platform, content: bytes, kind: str, place: str) -> None:
    answer = await platform.client.post(APPLY, content=content, headers={"Content-Type": kind})
    assert list(fields(answer)) == [place]


@on_sqlite
async def test_not_all_of_very_many_faults_are_told(platform: Platform) -> None:
    many = {f"k{number}": 1 for number in range(1000)}
    assert len(fields(await platform.client.post(APPLY, json=many))) == 100


@on_sqlite
async def test_what_can_not_be_read_is_malformed_and_strangers_are_not_read_at_all(platform: Platform) -> None:
    yaml_body = {"Content-Type": "application/yaml"}
    answer = await platform.client.post(APPLY, content=b"a: b: c", headers=yaml_body)
    assert "line 1" in problem(answer, 400, "malformed_request")["detail"]
    nobody = {**yaml_body, "Authorization": ""}
    problem(await platform.client.post(APPLY, content=b"a: b: c", headers=nobody), 401, "unauthorized")
    big = b"#" * (1 << 20) + b"\na: b"
    problem(await platform.client.post(APPLY, content=big, headers=yaml_body), 413, "too_large")


@on_sqlite
async def test_each_kind_needs_its_scope(platform: Platform) -> None:
    everything = ("publisher:read", "publisher:write", "publisher:publish", "store:subscribe", "admin")
    needed = {
        "admin": {"policies": MANIFEST["policies"]},
        "publisher:write": {"apis": [ECHO]},
        "publisher:publish": {"apis": [{**ECHO, "state": "created"}]},
        "store:subscribe": {"applications": MANIFEST["applications"]},
    }
    for scope, manifest in needed.items():
        others = [name for name in everything if name != scope]
        async with platform.account(f"without {scope}", *others) as client:
            answer = await client.post(APPLY, json=manifest)
            assert scope in problem(answer, 403, "insufficient_scope")["detail"]
        async with platform.account(f"only {scope}", scope, "publisher:write") as client:
            await apply(client, manifest, dry_run=True)
    async with platform.account("nothing at all", "publisher:read") as client:
        within = {"apis": [{**ECHO, "endpoints": {"production": {"urls": ["ws://10.0.0.1"]}}}]}
        problem(await client.post(APPLY, json=within), 403, "insufficient_scope")  # before a name is looked up
        assert await apply(client, {}) == []


async def test_what_is_somebody_elses_stays_as_it_is(platform: Platform) -> None:
    await platform.make_api()
    async with platform.account("stranger", "publisher:read", "publisher:write") as stranger:
        answer = await stranger.post(APPLY, json={"apis": [{**ECHO, "description": "mine"}]})
        assert fields(answer) == {"apis.0.context": "somebody else has APIs in it"}
        assert await apply(stranger, {}, prune=True) == []
        await apply(stranger, {"apis": [{**ECHO, "name": "Mine", "context": "/mine"}]})
        changed = {**ECHO, "name": "Mine", "context": "/mine", "description": "theirs"}
        assert actions(await apply(platform.client, {"apis": [changed]})) == {"update Mine": ["description"]}
    assert [api["name"] for api in (await platform.read(EXPORT))["apis"]] == ["EchoWebSocket"]


async def test_backend_secrets_are_kept_and_compared(platform: Platform) -> None:
    credentials = {"header": "X-Key", "value": "a key of a backend"}
    manifest = {"apis": [{**ECHO, "backend_credentials": credentials}]}
    await apply(platform.client, manifest)
    assert actions(await apply(platform.client, manifest)) == {}
    exported = await platform.read(EXPORT)
    assert exported["apis"][0]["backend_credentials"] is True
    assert actions(await apply(platform.client, exported)) == {}
    manifest["apis"][0]["backend_credentials"] = {**credentials, "value": "another key of a backend"}
    (change,) = await apply(platform.client, manifest)
    assert (change["fields"], change["before"], change["after"]) == (["backend_credentials"], {}, {})


async def test_an_export_makes_the_same_elsewhere(platform: Platform) -> None:
    await apply(platform.client, MANIFEST)
    await platform.client.patch("/admin/v1/policies/Bronze", json={"description": "changed"})
    await platform.make_api(name="Next", context="/next", ping_interval_seconds=None)
    exported = await platform.read(EXPORT)
    assert [policy["name"] for policy in exported["policies"]] == ["Bronze", "Slow"]
    assert [(api["name"], api["state"]) for api in exported["apis"]] == [
        ("EchoWebSocket", "published"),
        ("Next", "created"),
    ]
    assert "forward_cookies" not in exported["apis"][0]
    assert exported["apis"][1]["ping_interval_seconds"] is None
    assert exported["subscriptions"] == [{**SUBSCRIPTION, "version": "1.0"}]
    assert actions(await apply(platform.client, exported)) == {}
    await apply(platform.client, {}, prune=True)
    made = actions(await apply(platform.client, exported))
    assert set(made) == {"create EchoWebSocket", "create Next", "create Robot", "create Robot to EchoWebSocket 1.0"}
    assert await platform.read(EXPORT) == exported


@on_sqlite
async def test_an_export_holds_what_is_the_callers(platform: Platform) -> None:
    await apply(platform.client, MANIFEST)
    async with platform.account("reader", "publisher:read") as reader:
        assert (await reader.get(EXPORT)).json() == {}
    async with platform.account("subscriber", "publisher:read", "store:subscribe") as subscriber:
        assert (await subscriber.get(EXPORT)).json() == {"applications": [{"name": "DefaultApplication"}]}
    async with platform.account("nobody", "store:subscribe") as nobody:
        problem(await nobody.get(EXPORT), 403, "insufficient_scope")


async def test_several_at_once_wait_for_each_other(platform: Platform) -> None:
    answers = await asyncio.gather(*(platform.client.post(APPLY, json=MANIFEST) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted(len(actions(answer.json()["changes"])) for answer in answers) == [0, 0, 0, 4]


@on_sqlite
async def test_the_document_tells_what_a_manifest_is(platform: Platform) -> None:
    document = await platform.read("/openapi.json")
    content = document["paths"][APPLY]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json", "application/yaml"}
    assert content["application/yaml"]["schema"] == {"$ref": "#/components/schemas/Manifest"}
    manifest = document["components"]["schemas"]["Manifest"]
    api = manifest["properties"]["apis"]["items"]["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][api]["properties"]["state"]
