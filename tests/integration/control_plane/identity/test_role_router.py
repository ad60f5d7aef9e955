"""Roles over REST."""

from typing import Any

import pytest

from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

ROLES = "/admin/v1/roles"
USERS = "/admin/v1/users"


async def test_four_roles_are_built_in_and_stay_as_they_are(platform: Platform) -> None:
    roles = (await platform.read(ROLES))["items"]
    assert [role["name"] for role in roles] == ["admin", "creator", "publisher", "subscriber"]
    assert all(role["builtin"] for role in roles)
    assert (await platform.read(f"{ROLES}/creator"))["scopes"] == ["publisher:read", "publisher:write"]
    problem(await platform.client.patch(f"{ROLES}/admin", json={"scopes": []}), 409, "conflict")
    problem(await platform.client.delete(f"{ROLES}/subscriber"), 409, "conflict")


async def test_a_role_is_made_changed_and_deleted(platform: Platform) -> None:
    made = await platform.client.post(ROLES, json={"name": "partner"})
    path = made.headers["location"]
    assert made.json() == {"name": "partner", "scopes": [], "builtin": False}
    changed = await platform.client.patch(path, json={"scopes": ["store:subscribe"]})
    assert changed.json()["scopes"] == ["store:subscribe"]
    stale = await platform.client.delete(path, headers={"If-Match": made.headers["etag"]})
    problem(stale, 412, "precondition_failed")
    assert (await platform.client.delete(path)).status_code == 204
    problem(await platform.client.get(path), 404, "not_found")


async def test_a_role_that_somebody_has_stays(platform: Platform) -> None:
    await platform.made(ROLES, {"name": "partner"})
    user = await platform.made(USERS, {"name": "maria", "roles": ["partner"]})
    problem(await platform.client.delete(f"{ROLES}/partner"), 409, "in_use")
    await platform.client.patch(f"{USERS}/{user['id']}", json={"roles": []})
    assert (await platform.client.delete(f"{ROLES}/partner")).status_code == 204


async def test_a_role_that_an_api_names_stays(platform: Platform) -> None:
    await platform.made(ROLES, {"name": "partner"})
    await platform.make_api(visibility="restricted", roles=["partner"])
    problem(await platform.client.delete(f"{ROLES}/partner"), 409, "in_use")


async def test_service_accounts_follow_their_roles(platform: Platform) -> None:
    await platform.made(ROLES, {"name": "partner", "scopes": ["store:subscribe"]})
    async with platform.account("ci", roles=("partner",)) as account:
        assert (await account.get("/store/v1/applications")).status_code == 200
        await platform.client.patch(f"{ROLES}/partner", json={"scopes": ["publisher:read"]})
        problem(await account.get("/store/v1/applications"), 403, "insufficient_scope")
        (row,) = (await platform.read("/admin/v1/service-accounts", q="ci"))["items"]
        secret = (await platform.made(f"/admin/v1/service-accounts/{row['id']}/rotate-secret", {}, 200))[
            "client_secret"
        ]
        token = await platform.fetch_token(row["client_id"], secret)
        headers = {"Authorization": f"Bearer {token}"}
        assert (await platform.client.get("/publisher/v1/apis", headers=headers)).status_code == 200


async def test_a_role_may_not_lose_what_makes_the_last_administrator(platform: Platform) -> None:
    (administrator,) = (await platform.read(USERS))["items"]
    await platform.made(ROLES, {"name": "operator", "scopes": ["admin"]})
    await platform.client.patch(f"{USERS}/{administrator['id']}", json={"roles": ["operator"]})
    problem(await platform.client.patch(f"{ROLES}/operator", json={"scopes": []}), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": "two words"}, "name"), ({"name": "x", "scopes": ["all"]}, "scopes.0"), ({}, "name")],
)
@on_sqlite
async def test_a_role_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(ROLES, json=body))) == [field]


async def test_names_of_roles_are_unique(platform: Platform) -> None:
    problem(await platform.client.post(ROLES, json={"name": "admin"}), 409, "already_exists")
