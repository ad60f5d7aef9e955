"""API keys of applications."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from redis import Redis

from services.control_plane.store.api_keys import MAX_KEYS
from shared.api_keys import read_api_key
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem

BODY = {"name": "Sensors", "key_type": "PRODUCTION"}


async def make_path(platform: Platform, name: str = "App") -> str:
    """Make an application, and return where its API keys are."""
    return f"/store/v1/applications/{(await platform.make_application(name))['id']}/api-keys"


def pushed(platform: Platform, redis_url: str) -> dict[str, Any]:
    """Return the keys that the pods find."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        return {id_: json.loads(body) for id_, body in platform.catalogue(redis)["api_key"].items()}


async def test_a_key_is_made_and_its_text_shown_once(platform: Platform, redis_url: str) -> None:
    path = await make_path(platform)
    limits = {"allowed_ips": ["203.0.113.0/255.255.255.0", "::ffff:192.0.2.1"], "allowed_origins": ["https://a.test"]}
    made = await platform.client.post(path, json={**BODY, **limits, "validity_seconds": 60})
    key = made.json()
    text = key.pop("api_key")
    assert (made.status_code, made.headers["location"]) == (201, f"{path}/{key['id']}")
    assert made.headers["cache-control"] == "no-store"
    assert key["ends_with"] == text[-4:]
    assert key["allowed_ips"] == ["203.0.113.0/24", "192.0.2.1"]
    assert await platform.read(f"{path}/{key['id']}") == key
    assert (await platform.read(path))["items"] == [key]
    expires_at = datetime.fromisoformat(key["expires_at"])
    assert (expires_at - datetime.fromisoformat(key["created_at"])).total_seconds() == 60
    assert pushed(platform, redis_url) == {
        key["id"]: {
            "digest": read_api_key(text),
            "application_id": path.split("/")[4],
            "key_type": "PRODUCTION",
            "expires_at": int(expires_at.timestamp()),
            "allowed_ips": ["203.0.113.0/24", "192.0.2.1"],
            "allowed_origins": ["https://a.test"],
        }
    }
    with platform.database.engine.connect() as connection:
        assert text not in repr(connection.exec_driver_sql("SELECT * FROM api_key").fetchall())


async def test_a_key_is_changed_and_put_back_as_it_was_read(platform: Platform, redis_url: str) -> None:
    path = await make_path(platform)
    made = await platform.made(path, BODY)
    own = f"{path}/{made['id']}"
    changed = await platform.client.patch(own, json={"allowed_ips": ["192.0.2.0/24", "192.0.2.0/24"]})
    assert changed.json()["allowed_ips"] == ["192.0.2.0/24"]
    assert pushed(platform, redis_url)[made["id"]]["allowed_ips"] == ["192.0.2.0/24"]
    again = await platform.client.put(own, json={**changed.json(), "name": "Renamed"})
    assert again.status_code == 200
    assert (again.json()["name"], again.json()["allowed_ips"]) == ("Renamed", ["192.0.2.0/24"])
    plain = await platform.client.put(own, json={"name": "Plain"})
    assert (plain.json()["allowed_ips"], plain.json()["key_type"]) == ([], "PRODUCTION")
    stale = await platform.client.put(own, json={"name": "x"}, headers={"If-Match": '"1"'})
    problem(stale, 412, "precondition_failed")
    for change in ({"key_type": "SANDBOX"}, {"validity_seconds": 60}):
        assert list(fields(await platform.client.patch(own, json=change))) == list(change)


async def test_a_deleted_key_is_gone_from_the_pods(platform: Platform, redis_url: str) -> None:
    path = await make_path(platform)
    first, second = await platform.made(path, BODY), await platform.made(path, BODY)
    assert first["api_key"] != second["api_key"]
    assert (await platform.client.delete(f"{path}/{first['id']}")).status_code == 204
    problem(await platform.client.get(f"{path}/{first['id']}"), 404, "not_found")
    assert pushed(platform, redis_url).keys() == {second["id"]}


async def test_an_application_takes_its_api_keys_along(platform: Platform, redis_url: str) -> None:
    path = await make_path(platform)
    for _ in range(2):
        await platform.made(path, BODY)
    assert (await platform.client.delete(path.removesuffix("/api-keys"))).status_code == 204
    assert pushed(platform, redis_url) == {}
    problem(await platform.client.get(path), 404, "not_found")


async def test_an_application_has_only_so_many_however_many_ask_at_once(platform: Platform) -> None:
    path = await make_path(platform)
    keys = [await platform.made(path, BODY) for _ in range(MAX_KEYS - 1)]
    answers = await asyncio.gather(*(platform.client.post(path, json=BODY) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    await platform.client.delete(f"{path}/{keys[0]['id']}")
    await platform.made(path, BODY)
    problem(await platform.client.post(path, json=BODY), 409, "conflict")


async def test_api_keys_are_their_owner_s_alone(platform: Platform) -> None:
    path = await make_path(platform)
    own = f"{path}/{(await platform.made(path, BODY))['id']}"
    async with platform.account("another", "store:subscribe") as other:
        for attempt in (
            other.get(path),
            other.post(path, json=BODY),
            other.get(own),
            other.put(own, json={"name": "x"}),
            other.patch(own, json={"name": "x"}),
            other.delete(own),
        ):
            problem(await attempt, 404, "not_found")
    another = f"{await make_path(platform, 'Two')}/{own.rpartition('/')[2]}"
    problem(await platform.client.get(another), 404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key_type": "STAGING"}, "key_type"),
        ({"name": " "}, "name"),
        ({"validity_seconds": 4}, "validity_seconds"),
        ({"allowed_ips": ["203.0.113.7/24"]}, "allowed_ips.0"),
        ({"allowed_ips": ["example.com"]}, "allowed_ips.0"),
        ({"allowed_origins": ["a.test"]}, "allowed_origins.0"),
        ({"api_key": "mine"}, "api_key"),
    ],
)
@on_sqlite
async def test_a_key_that_is_wrong(platform: Platform, change: dict[str, Any], field: str) -> None:
    path = await make_path(platform)
    assert list(fields(await platform.client.post(path, json={**BODY, **change}))) == [field]
