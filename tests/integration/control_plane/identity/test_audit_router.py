"""The audit over REST."""

import pytest

from tests.integration.control_plane.platform import CLIENT_ID, Platform, fields, on_sqlite, problem

AUDIT = "/admin/v1/audit"


async def test_what_was_done_is_listed_the_latest_first(platform: Platform) -> None:
    api = await platform.make_api()
    await platform.act(api, "publish")
    listed = await platform.read(AUDIT, target_id=api["id"])
    assert [entry["action"] for entry in listed["items"]] == ["api.publish", "api.create"]
    latest = listed["items"][0]
    assert (latest["actor_name"], latest["target_kind"], latest["address"]) == (CLIENT_ID, "api", "127.0.0.1")
    oldest = await platform.read(AUDIT, target_id=api["id"], sort="at", limit=1)
    assert [entry["action"] for entry in oldest["items"]] == ["api.create"]
    assert oldest["total"] == 2


async def test_it_is_narrowed_by_what_is_asked(platform: Platform) -> None:
    await platform.make_api()
    platform.clock.move(hours=1)
    now = platform.clock().isoformat()
    await platform.made("/admin/v1/roles", {"name": "partner"})
    assert [entry["action"] for entry in (await platform.read(AUDIT, since=now))["items"]] == ["role.create"]
    assert "role.create" not in [
        entry["action"] for entry in (await platform.read(AUDIT, until=now, limit=100))["items"]
    ]
    (made,) = (await platform.read(AUDIT, action="role.create"))["items"]
    assert made["target_id"] == "partner"
    mine = await platform.read(AUDIT, actor=made["actor"], target_kind="role", q="part")
    assert [entry["id"] for entry in mine["items"]] == [made["id"]]


async def test_what_an_account_did_stays_when_it_is_gone(platform: Platform) -> None:
    async with platform.account("gone", "publisher:read", "publisher:write") as account:
        made = (await account.post("/publisher/v1/apis", json={"name": "A", "context": "/a", "version": "1.0"})).json()
        assert (await account.delete(f"/publisher/v1/apis/{made['id']}")).status_code == 204
    (row,) = (await platform.read("/admin/v1/service-accounts", q="gone"))["items"]
    assert (await platform.client.delete(f"/admin/v1/service-accounts/{row['id']}")).status_code == 204
    entries = (await platform.read(AUDIT, actor=row["id"]))["items"]
    assert [entry["action"] for entry in entries] == ["api.delete", "api.create"]
    assert {entry["actor_name"] for entry in entries} == {None}


@on_sqlite
@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"action": "a b'"}, "action"),
        ({"sort": "x"}, "sort"),
        ({"actor": "a b"}, "actor"),
    ],
)
async def test_what_can_not_be_asked_is_refused(platform: Platform, bad: dict[str, str], field: str) -> None:
    assert fields(await platform.client.get(AUDIT, params=bad)).keys() == {field}


@on_sqlite
async def test_it_is_for_administrators(platform: Platform) -> None:
    async with platform.account("subscriber", "store:subscribe") as subscriber:
        problem(await subscriber.get(AUDIT), 403, "insufficient_scope")
