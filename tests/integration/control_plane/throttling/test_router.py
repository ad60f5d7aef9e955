"""Policies over REST."""

import json
from typing import Any

from redis import Redis

from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

POLICIES = "/admin/v1/policies"
MINE: dict[str, Any] = {"name": "Mine", "level": "subscription", "limits": [{"amount": 7, "window_seconds": 10}]}


async def test_the_built_in_ones_are_there(platform: Platform) -> None:
    listed = await platform.read(POLICIES, limit=100)
    assert listed["total"] == 12
    assert all(policy["builtin"] and policy["on_exceed"] == "delay" for policy in listed["items"])
    gold = await platform.read(f"{POLICIES}/Gold")
    assert gold["limits"] == [{"unit": "messages", "amount": 5000, "window_seconds": 60, "direction": "publish"}]
    application = await platform.read(POLICIES, level="application", sort="-name")
    assert [policy["name"] for policy in application["items"]] == ["Unlimited", "50PerMin", "20PerMin", "10PerMin"]


async def test_a_policy_is_made_changed_and_deleted(platform: Platform, redis_url: str) -> None:
    made = await platform.client.post(POLICIES, json=MINE)
    path = made.headers["location"]
    assert (await platform.read(path)) == made.json()
    changed = {**MINE, "on_exceed": "drop", "max_delay_seconds": 2.5}
    assert (await platform.client.put(path, json=changed)).json()["on_exceed"] == "drop"
    patched = await platform.client.patch(path, json={"limits": [{"amount": 9}], "max_delay_seconds": None})
    assert patched.json()["limits"][0] == {
        "unit": "messages",
        "amount": 9,
        "window_seconds": 60,
        "direction": "publish",
    }
    assert (patched.json()["on_exceed"], patched.json()["max_delay_seconds"]) == ("drop", None)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        pushed = json.loads(platform.catalogue(redis)["policy"]["subscription/Mine"])
        assert (pushed["limits"][0]["amount"], pushed["on_exceed"]) == (9, "drop")
        stale = await platform.client.delete(path, headers={"If-Match": made.headers["etag"]})
        problem(stale, 412, "precondition_failed")
        assert (await platform.client.delete(path)).status_code == 204
        assert "subscription/Mine" not in platform.catalogue(redis)["policy"]
    problem(await platform.client.get(path), 404, "not_found")


async def test_the_level_is_needed_where_a_name_stands_on_several(platform: Platform) -> None:
    answer = await platform.client.patch(f"{POLICIES}/Unlimited", json={"description": "x"})
    assert list(fields(answer)) == ["level"]
    patched = await platform.client.patch(f"{POLICIES}/Unlimited?level=api", json={"description": "x"})
    assert (patched.json()["level"], patched.json()["description"]) == ("api", "x")
    problem(await platform.client.get(f"{POLICIES}/Gold", params={"level": "api"}), 404, "not_found")


@on_sqlite
async def test_names_and_levels_stay(platform: Platform) -> None:
    await platform.made(POLICIES, MINE)
    for field, value in (("name", "Other"), ("level", "api")):
        assert list(fields(await platform.client.patch(f"{POLICIES}/Mine", json={field: value}))) == [field]


async def test_a_policy_in_use_or_built_in_stays(platform: Platform) -> None:
    await platform.made(POLICIES, MINE)
    await platform.make_api(policies=["Mine"])
    problem(await platform.client.delete(f"{POLICIES}/Mine"), 409, "in_use")
    await platform.made(POLICIES, {**MINE, "level": "application", "name": "Other"})
    await platform.make_application(policy="Other")
    problem(await platform.client.delete(f"{POLICIES}/Other"), 409, "in_use")
    problem(await platform.client.delete(f"{POLICIES}/Bronze"), 409, "conflict")
    problem(await platform.client.post(POLICIES, json=MINE), 409, "already_exists")


@on_sqlite
async def test_what_pods_do_not_enforce_is_refused(platform: Platform) -> None:
    answer = await platform.client.post(POLICIES, json={**MINE, "limits": [{"unit": "bytes", "amount": 1}]})
    assert "not supported yet" in fields(answer)["limits.0.unit"]
    await platform.made(POLICIES, MINE)
    answer = await platform.client.patch(f"{POLICIES}/Mine", json={"burst": {"amount": 1, "window_seconds": 1}})
    assert "not supported yet" in fields(answer)["burst"]


@on_sqlite
async def test_only_administrators_see_policies(platform: Platform) -> None:
    async with platform.account("publisher", roles=("publisher",)) as publisher:
        problem(await publisher.get(POLICIES), 403, "insufficient_scope")
        problem(await publisher.post(POLICIES, json=MINE), 403, "insufficient_scope")


async def test_what_was_read_can_be_changed_and_put_back(platform: Platform) -> None:
    policy = await platform.read(f"{POLICIES}/Gold")
    policy["limits"][0]["amount"] = 5
    answer = await platform.client.put(f"{POLICIES}/Gold", json=policy)
    assert answer.status_code == 200, answer.text
    assert answer.json()["limits"][0]["amount"] == 5
    assert answer.json()["builtin"] is True
