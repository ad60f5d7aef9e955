"""What is said of an API for people."""

from typing import Any

import pytest

from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

APIS = "/publisher/v1/apis"
CATEGORIES = "/admin/v1/categories"
DESCRIBED: dict[str, Any] = {
    "categories": ["Finance"],
    "business_owner": {"name": "Ada", "email": "ada@example.com"},
    "technical_owner": {"name": "The team", "email": None},
    "properties": {"cost-centre": "4711", "region": "eu"},
}


async def test_an_api_is_described_for_all_who_see_it(platform: Platform) -> None:
    await platform.made(CATEGORIES, {"name": "Finance"})
    api = await platform.publish_api(**DESCRIBED)
    for path in (f"{APIS}/{api['id']}", f"/store/v1/apis/{api['id']}"):
        read = await platform.read(path)
        assert {name: read[name] for name in DESCRIBED} == DESCRIBED
    copy = await platform.made(f"{APIS}/{api['id']}/versions", {"version": "2.0"})
    assert {name: copy[name] for name in DESCRIBED} == DESCRIBED
    patch: dict[str, Any] = {"properties": {"region": None, "team": "red"}, "technical_owner": None, "categories": []}
    patched = (await platform.client.patch(f"{APIS}/{api['id']}", json=patch)).json()
    assert patched["properties"] == {"cost-centre": "4711", "team": "red"}
    assert patched["technical_owner"] is None
    assert patched["categories"] == []


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"categories": ["Nothing"]}, "categories.0"),
        ({"categories": ["a"] * 11}, "categories"),
        ({"business_owner": {"name": ""}}, "business_owner.name"),
        ({"business_owner": {"name": "Ada", "email": "a@b\r\nBcc: x@y"}}, "business_owner.email"),
        ({"technical_owner": {"name": "Ada", "email": "nowhere"}}, "technical_owner.email"),
        ({"properties": {"a b": "c"}}, "properties.a b"),
        ({"properties": {"a": "x" * 501}}, "properties.a"),
        ({"properties": {"a": "x\ny"}}, "properties.a"),
        ({"properties": {f"p{index}": "" for index in range(31)}}, "properties"),
        ({"maintainers": ["nobody"]}, "maintainers.0"),
    ],
)
async def test_what_is_wrong_with_it_is_named(platform: Platform, changes: dict[str, Any], field: str) -> None:
    answer = await platform.client.post(APIS, json={"name": "Echo", "context": "/echo", "version": "1.0", **changes})
    assert field in fields(answer)


async def test_administrators_keep_the_categories(platform: Platform) -> None:
    made = await platform.client.post(CATEGORIES, json={"name": "Finance", "description": "Money"})
    assert made.headers["location"] == f"{CATEGORIES}/Finance"
    problem(await platform.client.post(CATEGORIES, json={"name": "Finance"}), 409, "already_exists")
    seen = {"If-Match": made.headers["etag"]}
    put = await platform.client.put(f"{CATEGORIES}/Finance", json={"description": "Gold"}, headers=seen)
    assert put.json()["description"] == "Gold"
    problem(await platform.client.delete(f"{CATEGORIES}/Finance", headers=seen), 412, "precondition_failed")
    api = await platform.make_api(categories=["Finance"])
    async with platform.account("reader", "publisher:read") as reader:
        listed = (await reader.get("/publisher/v1/categories")).json()
        problem(await reader.get(CATEGORIES), 403, "insufficient_scope")
    assert [item["name"] for item in listed["items"]] == ["Finance"]
    assert (await platform.read(CATEGORIES, q="fin"))["total"] == 1
    problem(await platform.client.delete(f"{CATEGORIES}/Finance"), 409, "in_use")
    await platform.client.patch(f"{APIS}/{api['id']}", json={"categories": []})
    assert (await platform.client.delete(f"{CATEGORIES}/Finance")).status_code == 204
    problem(await platform.client.get(f"{CATEGORIES}/Finance"), 404, "not_found")


async def test_maintainers_do_what_the_owner_does(platform: Platform) -> None:
    await platform.made("/admin/v1/roles", {"name": "red-team", "scopes": []})
    scopes = ("publisher:read", "publisher:write", "publisher:publish")
    async with (
        platform.account("owner", *scopes) as owner,
        platform.account("maintainer", *scopes, roles=("red-team",)) as maintainer,
        platform.account("stranger", *scopes) as stranger,
    ):
        body: dict[str, Any] = {"name": "Echo", "context": "/echo", "version": "1.0", "policies": ["Gold"]}
        body |= {"endpoints": {"production": {"urls": ["ws://127.0.0.1:9"]}}}
        api = (await owner.post(APIS, json=body)).json()
        path = f"{APIS}/{api['id']}"
        problem(await maintainer.get(path), 404, "not_found")
        assert (await owner.patch(path, json={"maintainers": ["red-team"]})).status_code == 200
        assert (await maintainer.get(APIS)).json()["total"] == 1
        assert (await maintainer.patch(path, json={"description": "ours"})).status_code == 200
        assert (await maintainer.post(f"{path}/lifecycle", json={"action": "publish"})).status_code == 200
        copy = (await maintainer.post(f"{path}/versions", json={"version": "2.0"})).json()
        assert (copy["owner"], copy["maintainers"]) == (api["owner"], ["red-team"])
        assert (await stranger.get(APIS)).json()["total"] == 0
        problem(await stranger.get(path), 404, "not_found")
        problem(await platform.client.delete("/admin/v1/roles/red-team"), 409, "in_use")
        assert (await owner.patch(path, json={"maintainers": []})).status_code == 200
        problem(await maintainer.get(path), 404, "not_found")


async def test_a_maintainer_takes_the_default_from_what_they_maintain_alone(platform: Platform) -> None:
    await platform.made("/admin/v1/roles", {"name": "red-team", "scopes": []})
    scopes = ("publisher:read", "publisher:write")
    async with (
        platform.account("owner", *scopes) as owner,
        platform.account("maintainer", *scopes, roles=("red-team",)) as maintainer,
    ):
        body = {"name": "Echo", "context": "/echo", "version": "1.0", "default": True}
        first = f"{APIS}/{(await owner.post(APIS, json=body)).json()['id']}"
        second = f"{APIS}/{(await owner.post(f'{first}/versions', json={'version': '2.0'})).json()['id']}"
        await owner.patch(second, json={"maintainers": ["red-team"]})
        problem(await maintainer.patch(second, json={"default": True}), 409, "conflict")
        problem(await maintainer.post(f"{second}/versions", json={"version": "3.0", "default": True}), 409, "conflict")
        assert (await owner.get(first)).json()["default"]
        assert (await owner.get(APIS)).json()["total"] == 2, "nothing half-done"
        await owner.patch(first, json={"maintainers": ["red-team"]})
        assert (await maintainer.patch(second, json={"default": True})).json()["default"]
        assert not (await owner.get(first)).json()["default"]
