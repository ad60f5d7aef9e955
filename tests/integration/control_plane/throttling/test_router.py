"""Policies over REST."""

import json
from typing import Any

import pytest
from redis import Redis

from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

POLICIES = "/admin/v1/policies"
MINE: dict[str, Any] = {"name": "Mine", "level": "subscription", "limits": [{"amount": 7, "window_seconds": 10}]}


async def test_the_built_in_ones_are_there(platform: Platform) -> None:
    listed = await platform.read(POLICIES, limit=100)
    assert listed["total"] == 17
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
    await platform.made(POLICIES, {**MINE, "name": "Anybody"})
    await platform.make_api(name="Open", context="/open", auth={"types": ["none"]}, anonymous_policy="Anybody")
    problem(await platform.client.delete(f"{POLICIES}/Anybody"), 409, "in_use")
    problem(await platform.client.delete(f"{POLICIES}/Bronze"), 409, "conflict")
    problem(await platform.client.post(POLICIES, json=MINE), 409, "already_exists")


async def test_all_of_a_policy_is_kept_and_told_to_the_pods(platform: Platform, redis_url: str) -> None:
    api, application = await platform.make_api(), await platform.make_application()
    body: dict[str, Any] = {
        **MINE,
        "limits": [
            {"unit": "messages", "amount": 7, "window_seconds": 10, "direction": "both"},
            {"unit": "messages", "amount": 70, "window_seconds": 1000, "direction": "both"},
            {"unit": "bytes", "amount": 1 << 20, "window_seconds": 60, "direction": "subscribe"},
            {"unit": "connections", "amount": 3, "window_seconds": None, "direction": "both"},
            {"unit": "handshakes", "amount": 5, "window_seconds": 60, "direction": "both"},
        ],
        "burst": {"amount": 2, "window_seconds": 1},
        "shadow": True,
        "overrides": [
            {"api_id": api["id"], "application_id": None, "limits": [], "burst": None},
            {
                "api_id": api["id"],
                "application_id": application["id"],
                "limits": [{"unit": "messages", "amount": 1, "window_seconds": 1, "direction": "publish"}],
                "burst": {"amount": 9, "window_seconds": 9},
            },
        ],
    }
    made = await platform.made(POLICIES, body)
    assert made.items() >= body.items()
    assert await platform.read(f"{POLICIES}/Mine") == made
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        pushed = json.loads(platform.catalogue(redis)["policy"]["subscription/Mine"])
    assert pushed.items() >= body.items()
    patched = await platform.client.patch(f"{POLICIES}/Mine", json={"burst": None, "shadow": False, "overrides": []})
    read = await platform.read(f"{POLICIES}/Mine")
    assert read == patched.json()
    assert (read["burst"], read["shadow"], read["overrides"]) == (None, False, [])
    assert read["limits"] == body["limits"]


@on_sqlite
@pytest.mark.parametrize(
    ("level", "override", "field", "says"),
    [
        ("subscription", {"api_id": "nowhere"}, "overrides.0.api_id", "there is no API"),
        ("subscription", {"application_id": "nobody"}, "overrides.0.application_id", "there is no application"),
        ("api", {"application_id": "nobody"}, "overrides.0.application_id", "by api_id only"),
        ("application", {"api_id": "nowhere"}, "overrides.0.api_id", "by application_id only"),
    ],
)
async def test_an_override_is_for_what_is_there_and_counted(
    platform: Platform, level: str, override: dict[str, Any], field: str, says: str
) -> None:
    answer = await platform.client.post(POLICIES, json={**MINE, "level": level, "overrides": [override]})
    found = fields(answer)
    assert list(found) == [field]
    assert says in found[field]


async def test_an_override_outlives_its_subject(platform: Platform) -> None:
    api, application = await platform.make_api(), await platform.make_application()
    overrides = [{"api_id": api["id"]}, {"application_id": application["id"]}]
    await platform.made(POLICIES, {**MINE, "overrides": overrides})
    for path in (f"/publisher/v1/apis/{api['id']}", f"/store/v1/applications/{application['id']}"):
        assert (await platform.client.delete(path)).status_code == 204
    patched = await platform.client.patch(f"{POLICIES}/Mine", json={"description": "x"})
    assert patched.status_code == 200, patched.text
    assert len(patched.json()["overrides"]) == 2
    moved = [{**overrides[0], "application_id": application["id"]}]
    refused = await platform.client.patch(f"{POLICIES}/Mine", json={"overrides": moved})
    assert list(fields(refused)) == ["overrides.0.api_id", "overrides.0.application_id"]


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
