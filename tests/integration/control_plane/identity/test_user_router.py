"""Users over REST."""

import asyncio
from typing import Any

import pytest
from redis import Redis
from sqlmodel import col, select

from services.control_plane.identity import repository
from services.control_plane.identity.passwords import verify_password
from services.control_plane.kit.audit import AuditEntry
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

USERS = "/admin/v1/users"
PASSWORD = "a password that will do"


@pytest.fixture
async def administrator(platform: Platform) -> dict[str, Any]:
    (user,) = (await platform.read(USERS))["items"]
    found: dict[str, Any] = user
    return found


def can_sign_in(platform: Platform, name: str, password: str) -> bool:
    with platform.database.reading() as session:
        account = repository.find_person(session, name)
        return account is not None and verify_password(password, account.password_hash)


async def test_a_user_is_made_with_a_one_time_password(platform: Platform) -> None:
    made = await platform.client.post(USERS, json={"name": "maria"})
    assert made.headers["cache-control"] == "no-store"
    user = made.json()
    one_time = user.pop("one_time_password")
    assert user["roles"] == ["subscriber"]
    assert user["must_change_password"]
    assert await platform.read(made.headers["location"]) == user
    assert (await platform.read(USERS, q="mar"))["items"] == [user]
    assert can_sign_in(platform, "maria", one_time)


async def test_a_user_may_be_given_a_password(platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria", "password": PASSWORD, "roles": ["creator", "publisher"]})
    assert user["one_time_password"] is None
    assert not user["must_change_password"]
    assert user["roles"] == ["creator", "publisher"]
    assert can_sign_in(platform, "maria", PASSWORD)


async def test_a_reset_gives_another_one_time_password(platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria", "password": PASSWORD})
    reset = await platform.made(f"{USERS}/{user['id']}/reset-password", {}, 200)
    assert not can_sign_in(platform, "maria", PASSWORD)
    assert can_sign_in(platform, "maria", reset["one_time_password"])
    assert (await platform.read(f"{USERS}/{user['id']}"))["must_change_password"]


async def test_a_patch_counts_as_a_change_whatever_it_changes(platform: Platform) -> None:
    made = await platform.client.post(USERS, json={"name": "maria"})
    path, tags = made.headers["location"], {made.headers["etag"]}
    patches: list[dict[str, Any]] = [{"roles": ["publisher"]}, {"disabled": True}, {"roles": []}]
    for patch in patches:
        answer = await platform.client.patch(path, json=patch)
        assert answer.status_code == 200, answer.text
        tags.add(answer.headers["etag"])
    assert len(tags) == 4
    stale = await platform.client.patch(path, json={"roles": []}, headers={"If-Match": made.headers["etag"]})
    problem(stale, 412, "precondition_failed")
    user = await platform.read(path)
    assert (user["roles"], user["disabled"]) == ([], True)


async def test_the_pods_are_told_of_disabled_users(platform: Platform, redis_client: Redis) -> None:
    user = await platform.made(USERS, {"name": "maria"})
    for disabled in (True, False):
        await platform.client.patch(f"{USERS}/{user['id']}", json={"disabled": disabled})
        bodies = platform.catalogue(redis_client)["application"].values()
        told = f'"owner_disabled":{str(disabled).lower()}'
        assert [told in body for body in bodies if '"owner":"maria"' in body] == [True]
    assert (await platform.client.delete(f"{USERS}/{user['id']}")).status_code == 204
    assert not [body for body in platform.catalogue(redis_client)["application"].values() if "maria" in body]
    problem(await platform.client.get(f"{USERS}/{user['id']}"), 404, "not_found")


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": ["publisher"]}, None])
async def test_the_last_administrator_stays(
    platform: Platform, administrator: dict[str, Any], change: dict[str, Any] | None
) -> None:
    path = f"{USERS}/{administrator['id']}"

    async def lose() -> Any:
        return await (platform.client.patch(path, json=change) if change else platform.client.delete(path))

    await platform.made(USERS, {"name": "disabled", "roles": ["admin"], "disabled": True})
    problem(await lose(), 409, "conflict")
    assert await platform.read(path) == administrator
    await platform.made("/admin/v1/roles", {"name": "operator", "scopes": ["admin"]})
    await platform.made(USERS, {"name": "other", "roles": ["operator"]})
    assert (await lose()).is_success


async def test_of_two_administrators_who_demote_each_other_one_stays(
    platform: Platform, administrator: dict[str, Any]
) -> None:
    other = await platform.made(USERS, {"name": "other", "roles": ["admin"]})
    answers = await asyncio.gather(
        *(
            platform.client.patch(f"{USERS}/{user['id']}", json={"roles": ["subscriber"]})
            for user in (administrator, other)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_what_was_done_to_users_is_written_down(platform: Platform) -> None:
    user = await platform.made(USERS, {"name": "maria"})
    path = f"{USERS}/{user['id']}"
    await platform.made(f"{path}/reset-password", {}, 200)
    for patch in ({"roles": ["publisher"]}, {"disabled": True}, {"disabled": False}):
        await platform.client.patch(path, json=patch)
    await platform.client.delete(path)
    with platform.database.reading() as session:
        rows = session.exec(
            select(AuditEntry).where(AuditEntry.target_id == user["id"]).order_by(col(AuditEntry.id))
        ).all()
    actions = ["create", "reset_password", "update", "disable", "enable", "delete"]
    assert [row.action for row in rows] == [f"user.{action}" for action in actions]
    assert {row.actor for row in rows} != {"anonymous"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "roles": ["subscriber", "king"]}, "roles.1"),
        ({"name": "x", "password": "short"}, "password"),
        ({"name": "A long enough name", "password": "a long enough name"}, "password"),
        ({"name": "x", "password": "aaaaaaaaaaaaaaaa"}, "password"),
        ({"name": "x", "scopes": ["admin"]}, "scopes"),
    ],
)
@on_sqlite
async def test_a_user_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    assert list(fields(await platform.client.post(USERS, json=body))) == [field]


async def test_names_are_unique_among_users(platform: Platform) -> None:
    await platform.made(USERS, {"name": "maria"})
    for name in ("maria", "Maria"):
        problem(await platform.client.post(USERS, json={"name": name}), 409, "already_exists")
