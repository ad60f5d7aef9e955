"""Service accounts over REST."""

from typing import Any

import pytest
from redis import Redis

from services.control_plane.kit.security import is_well_formed
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

ACCOUNTS = "/admin/v1/service-accounts"


async def test_an_account_is_made_with_a_secret_that_is_shown_once(platform: Platform) -> None:
    made = await platform.client.post(ACCOUNTS, json={"name": "ci", "scopes": ["publisher:read"]})
    account = made.json()
    assert made.headers["location"] == f"{ACCOUNTS}/{account['id']}"
    assert is_well_formed(account.pop("client_secret"))
    assert (await platform.read(made.headers["location"])) == account
    listed = await platform.read(ACCOUNTS, q="ci", sort="-created_at")
    assert listed["items"] == [account]


async def test_a_token_has_the_scopes_of_the_account_and_its_roles(platform: Platform) -> None:
    body = {"name": "ci", "scopes": ["store:subscribe"], "roles": ["publisher"]}
    account = await platform.made(ACCOUNTS, body)
    assert account["roles"] == ["publisher"]
    token = await platform.fetch_token(account["client_id"], account["client_secret"])
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/publisher/v1/apis", "/store/v1/applications"):
        assert (await platform.client.get(path, headers=headers)).status_code == 200
    problem(await platform.client.get(ACCOUNTS, headers=headers), 403, "insufficient_scope")


async def test_a_narrow_token_stays_narrow(platform: Platform) -> None:
    account = await platform.made(ACCOUNTS, {"name": "ci", "scopes": ["store:subscribe", "admin"]})
    token = await platform.fetch_token(account["client_id"], account["client_secret"], "store:subscribe")
    answer = await platform.client.get(ACCOUNTS, headers={"Authorization": f"Bearer {token}"})
    problem(answer, 403, "insufficient_scope")


async def test_the_tokens_of_a_deleted_account_stop_at_once(platform: Platform, redis_url: str) -> None:
    account = await platform.made(ACCOUNTS, {"name": "ci", "scopes": ["store:subscribe"]})
    token = await platform.fetch_token(account["client_id"], account["client_secret"])
    headers = {"Authorization": f"Bearer {token}"}
    (application,) = (await platform.client.get("/store/v1/applications", headers=headers)).json()["items"]
    await platform.client.post(
        f"/store/v1/applications/{application['id']}/keys", json={"key_type": "PRODUCTION"}, headers=headers
    )
    assert (await platform.client.delete(f"{ACCOUNTS}/{account['id']}")).status_code == 204
    problem(await platform.client.get("/store/v1/applications", headers=headers), 401, "unauthorized")
    problem(await platform.client.get(f"{ACCOUNTS}/{account['id']}"), 404, "not_found")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        found = platform.catalogue(redis)
    assert application["id"] not in found["application"]
    assert found["key"] == {}


async def test_an_api_outlives_the_account_that_made_it(platform: Platform) -> None:
    account = await platform.made(ACCOUNTS, {"name": "ci", "scopes": ["publisher:write"]})
    await platform.client.get(ACCOUNTS)
    token = await platform.fetch_token(account["client_id"], account["client_secret"])
    mine = platform.client.headers["Authorization"]
    platform.client.headers["Authorization"] = f"Bearer {token}"
    api = await platform.make_api()
    platform.client.headers["Authorization"] = mine
    assert (await platform.client.delete(f"{ACCOUNTS}/{account['id']}")).status_code == 204
    assert (await platform.read(f"/publisher/v1/apis/{api['id']}"))["owner"] == account["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"name": "x", "roles": ["admin", "king"]}, "roles.1"),
        ({"scopes": []}, "name"),
        ({"name": "x", "client_secret": "mine"}, "client_secret"),
    ],
)
@on_sqlite
async def test_an_account_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(ACCOUNTS, json=body))) == [field]


async def test_names_are_unique(platform: Platform) -> None:
    await platform.made(ACCOUNTS, {"name": "ci"})
    problem(await platform.client.post(ACCOUNTS, json={"name": "ci"}), 409, "already_exists")


@pytest.mark.parametrize(("overlap_seconds", "status"), [(0, 401), (60, 200)])
async def test_a_secret_is_rotated(platform: Platform, overlap_seconds: int, status: int) -> None:
    account = await platform.made(ACCOUNTS, {"name": "ci", "scopes": ["store:subscribe"]})
    path, client_id = f"{ACCOUNTS}/{account['id']}/rotate-secret", account["client_id"]
    rotated = await platform.made(path, {"overlap_seconds": overlap_seconds}, 200)
    assert rotated["client_id"] == client_id
    assert await platform.fetch_token(client_id, rotated["client_secret"])

    async def ask_with_the_old_one() -> int:
        form, auth = {"grant_type": "client_credentials"}, (client_id, account["client_secret"])
        return (await platform.client.post("/oauth2/token", data=form, auth=auth)).status_code

    assert await ask_with_the_old_one() == status
    platform.clock.move(seconds=61)
    assert await ask_with_the_old_one() == 401


@on_sqlite
async def test_an_overlap_has_a_limit(platform: Platform) -> None:
    account = await platform.made(ACCOUNTS, {"name": "ci"})
    answer = await platform.client.post(f"{ACCOUNTS}/{account['id']}/rotate-secret", json={"overlap_seconds": -1})
    assert list(fields(answer)) == ["overlap_seconds"]
    problem(await platform.client.post(f"{ACCOUNTS}/nobody/rotate-secret"), 404, "not_found")
