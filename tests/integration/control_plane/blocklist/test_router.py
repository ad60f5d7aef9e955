"""The blocklist over REST."""

import json
from typing import Any

import pytest
from redis import Redis
from sqlmodel import select

from services.control_plane.kit.audit import AuditEntry
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

BLOCKLIST = "/admin/v1/blocklist"


async def test_a_block_is_made_read_and_lifted(platform: Platform, redis_url: str) -> None:
    made = await platform.client.post(BLOCKLIST, json={"kind": "address", "value": "2001:DB8::/32"})
    block, path = made.json(), made.headers["location"]
    assert (made.status_code, path) == (201, f"{BLOCKLIST}/{block['id']}")
    assert (block["kind"], block["value"]) == ("address", "2001:db8::/32")
    assert await platform.read(path) == block
    assert (await platform.read(BLOCKLIST))["items"] == [block]
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        pushed = json.loads(platform.catalogue(redis)["block"][block["id"]])
        assert pushed == {"id": block["id"], "kind": "address", "value": "2001:db8::/32", "account_id": None}
        problem(await platform.client.delete(path, headers={"If-Match": '"7"'}), 412, "precondition_failed")
        assert (await platform.client.delete(path, headers={"If-Match": made.headers["etag"]})).status_code == 204
        assert platform.catalogue(redis)["block"] == {}
    problem(await platform.client.get(path), 404, "not_found")
    problem(await platform.client.delete(path), 404, "not_found")
    with platform.database.reading() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.target_id == block["id"])).all()
    assert [entry.action for entry in entries] == ["block.create", "block.delete"]


async def test_the_same_is_blocked_once(platform: Platform) -> None:
    await platform.made(BLOCKLIST, {"kind": "address", "value": "203.0.113.7"})
    again = await platform.client.post(BLOCKLIST, json={"kind": "address", "value": "::ffff:203.0.113.7"})
    problem(again, 409, "already_exists")
    await platform.made(BLOCKLIST, {"kind": "user", "value": "203.0.113.7"})


async def test_apis_and_applications_are_blocked_by_their_ids(platform: Platform) -> None:
    api, application = await platform.make_api(), await platform.make_application()
    for kind, subject in (("api", api), ("application", application)):
        await platform.made(BLOCKLIST, {"kind": kind, "value": subject["id"]})
        answer = await platform.client.post(BLOCKLIST, json={"kind": kind, "value": subject["name"]})
        assert list(fields(answer)) == ["value"]
    problem(await platform.client.post(BLOCKLIST, json={"kind": "api", "value": api["id"]}), 409, "already_exists")


async def test_blocks_are_searched_and_sorted(platform: Platform) -> None:
    for name in ("maria", "jose", "mario"):
        await platform.made(BLOCKLIST, {"kind": "user", "value": name})

    async def values(**params: Any) -> list[str]:
        return [block["value"] for block in (await platform.read(BLOCKLIST, **params))["items"]]

    assert await values() == ["maria", "jose", "mario"]
    assert await values(q="mari", sort="-value") == ["mario", "maria"]
    assert await values(sort="value", limit=1, offset=1) == ["maria"]


async def test_pods_know_the_names_of_users_to_block(platform: Platform, redis_url: str) -> None:
    async with platform.account("maria", "store:subscribe") as maria:
        (application,) = (await maria.get("/store/v1/applications")).json()["items"]
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert json.loads(platform.catalogue(redis)["application"][application["id"]])["owner"] == "maria"


async def test_pods_know_whom_a_name_stands_for_as_soon_as_somebody_has_it(platform: Platform, redis_url: str) -> None:
    user = await platform.made("/admin/v1/users", {"name": "maria"})
    blocks = [await platform.made(BLOCKLIST, {"kind": "user", "value": name}) for name in ("maria", "jose")]
    with Redis.from_url(redis_url, decode_responses=True) as redis:

        def people() -> list[str | None]:
            pushed = platform.catalogue(redis)["block"]
            return [json.loads(pushed[block["id"]])["account_id"] for block in blocks]

        assert people() == [user["id"], None]
        later = await platform.made("/admin/v1/users", {"name": "jose"})
        assert people() == [user["id"], later["id"]]


async def test_a_blocked_service_account_is_not_freed_by_who_takes_its_name(platform: Platform, redis_url: str) -> None:
    await platform.made("/admin/v1/service-accounts", {"name": "robot", "scopes": ["store:subscribe"]})
    block = await platform.made(BLOCKLIST, {"kind": "user", "value": "robot"})
    await platform.made("/admin/v1/users", {"name": "robot"})
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert json.loads(platform.catalogue(redis)["block"][block["id"]])["account_id"] is None


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_administrators_see_the_blocklist(platform: Platform, method: str) -> None:
    async with platform.account("publisher", roles=("publisher", "subscriber")) as publisher:
        body = {"kind": "user", "value": "maria"}
        problem(await publisher.request(method, BLOCKLIST, json=body), 403, "insufficient_scope")


async def test_blocks_are_counted_anew_when_they_come_and_go(platform: Platform) -> None:
    before = (await platform.read(BLOCKLIST))["total"]
    block = await platform.made(BLOCKLIST, {"kind": "user", "value": "nobody-yet"})
    assert (await platform.read(BLOCKLIST))["total"] == before + 1
    assert (await platform.client.delete(f"{BLOCKLIST}/{block['id']}")).status_code == 204
    assert (await platform.read(BLOCKLIST))["total"] == before
