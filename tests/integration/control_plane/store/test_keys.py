"""Key pairs of applications."""

import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from redis import Redis

from services.control_plane.kit.security import is_well_formed
from tests.integration.control_plane.platform import Platform, fields, on_sqlite, problem


async def make_key(platform: Platform, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Make an application with a key, and return the path of its keys and the key."""
    application = await platform.make_application()
    path = f"/store/v1/applications/{application['id']}/keys"
    return path, await platform.made(path, {"key_type": "PRODUCTION", **changes})


async def ask_token(platform: Platform, key: dict[str, Any], secret: str, scope: str = "") -> httpx.Response:
    form = {"grant_type": "client_credentials", "scope": scope}
    return await platform.client.post("/oauth2/token", data=form, auth=(key["consumer_key"], secret))


async def claims_of(platform: Platform, token: str) -> dict[str, Any]:
    jwks = await platform.read("/oauth2/jwks")
    return jwt.decode(token, KeySet.import_key_set(jwks), algorithms=["ES256"]).claims


async def test_a_key_comes_with_a_secret_and_a_token(platform: Platform) -> None:
    _, key = await make_key(platform, validity_seconds=60, scopes=["read", "write"])
    assert is_well_formed(key["consumer_secret"])
    assert key["token"]["expires_in"] == 60
    assert key["token"]["scope"] == "read write"
    claims = await claims_of(platform, key["token"]["access_token"])
    assert claims["aud"] == "urn:framegate:gateway"
    assert claims["client_id"] == claims["sub"] == key["consumer_key"]
    assert claims["exp"] - claims["iat"] == 60
    assert (await ask_token(platform, key, key["consumer_secret"])).json()["scope"] == "read write"


async def test_the_secret_is_shown_once_and_stored_nowhere(platform: Platform, redis_url: str) -> None:
    path, key = await make_key(platform)
    secret = key["consumer_secret"]
    for where in (path, f"{path}/PRODUCTION"):
        answer = await platform.client.get(where)
        assert "consumer_secret" not in answer.text
        assert secret not in answer.text
    with platform.database.engine.connect() as connection:
        raw = connection.exec_driver_sql("SELECT * FROM oauth_client").fetchall()
    assert secret not in repr(raw)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert secret not in json.dumps(platform.catalogue(redis))


async def test_there_is_one_key_of_each_type(platform: Platform) -> None:
    path, key = await make_key(platform)
    problem(await platform.client.post(path, json={"key_type": "PRODUCTION"}), 409, "already_exists")
    sandbox = await platform.made(path, {"key_type": "SANDBOX"})
    assert sandbox["consumer_key"] != key["consumer_key"]
    assert [item["key_type"] for item in await platform.read(path)] == ["PRODUCTION", "SANDBOX"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"key_type": "STAGING"}, "key_type"),
        ({"key_type": "SANDBOX", "validity_seconds": 4}, "validity_seconds"),
        ({"key_type": "SANDBOX", "grant_types": ["password"]}, "grant_types.0"),
        ({"key_type": "SANDBOX", "scopes": ["a b"]}, "scopes.0"),
        ({"key_type": "SANDBOX", "callback_urls": ["https://a.example/#x"]}, "callback_urls.0"),
        ({"key_type": "SANDBOX", "callback_urls": ["javascript:alert(1)"]}, "callback_urls.0"),
        ({"key_type": "SANDBOX", "secret": "mine"}, "secret"),
    ],
)
@on_sqlite
async def test_a_key_that_is_wrong(platform: Platform, body: dict[str, Any], field: str) -> None:
    path, _ = await make_key(platform)
    assert list(fields(await platform.client.post(path, json=body))) == [field]


async def test_a_key_is_changed(platform: Platform) -> None:
    path, key = await make_key(platform, scopes=["read"])
    body = {"validity_seconds": 5, "scopes": ["write"], "callback_urls": ["https://a.example/back"]}
    answer = await platform.client.put(f"{path}/PRODUCTION", json=body)
    assert answer.json()["callback_urls"] == ["https://a.example/back"]
    token = (await ask_token(platform, key, key["consumer_secret"])).json()
    assert (token["expires_in"], token["scope"]) == (5, "write")
    refused = (await ask_token(platform, key, key["consumer_secret"], "read")).json()
    assert refused["error"] == "invalid_scope"
    stale = await platform.client.put(f"{path}/PRODUCTION", json=body, headers={"If-Match": '"1"'})
    problem(stale, 412, "precondition_failed")


async def test_a_new_secret_stops_the_old_one_at_once(platform: Platform) -> None:
    path, key = await make_key(platform)
    new = await platform.made(f"{path}/PRODUCTION/regenerate-secret", {}, 200)
    assert new["consumer_key"] == key["consumer_key"]
    assert (await ask_token(platform, key, key["consumer_secret"])).status_code == 401
    assert (await ask_token(platform, key, new["consumer_secret"])).status_code == 200


async def test_or_after_an_overlap(platform: Platform) -> None:
    path, key = await make_key(platform)
    new = await platform.made(f"{path}/PRODUCTION/regenerate-secret", {"overlap_seconds": 60}, 200)
    for secret in (key["consumer_secret"], new["consumer_secret"]):
        assert (await ask_token(platform, key, secret)).status_code == 200
    platform.clock.move(seconds=61)
    assert (await ask_token(platform, key, key["consumer_secret"])).status_code == 401
    assert (await ask_token(platform, key, new["consumer_secret"])).status_code == 200


async def test_the_owner_gets_a_token_without_the_secret(platform: Platform) -> None:
    path, key = await make_key(platform, scopes=["read", "write"])
    answer = await platform.client.post(f"{path}/PRODUCTION/token", json={"scopes": ["read"], "validity_seconds": 30})
    assert answer.headers["cache-control"] == "no-store"
    claims = await claims_of(platform, answer.json()["access_token"])
    assert (claims["client_id"], claims["scope"], claims["exp"] - claims["iat"]) == (key["consumer_key"], "read", 30)
    assert (await platform.made(f"{path}/PRODUCTION/token", {}, 200))["scope"] == "read write"
    refused = await platform.client.post(f"{path}/PRODUCTION/token", json={"scopes": ["admin"]})
    assert list(fields(refused)) == ["scopes"]


async def test_a_deleted_key_gets_no_more_tokens(platform: Platform, redis_url: str) -> None:
    path, key = await make_key(platform)
    assert (await platform.client.delete(f"{path}/PRODUCTION")).status_code == 204
    assert (await ask_token(platform, key, key["consumer_secret"])).status_code == 401
    problem(await platform.client.get(f"{path}/PRODUCTION"), 404, "not_found")
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        assert platform.catalogue(redis)["key"] == {}
    again = await platform.made(path, {"key_type": "PRODUCTION"})
    assert again["consumer_key"] != key["consumer_key"]


@on_sqlite
async def test_an_application_s_token_manages_nothing(platform: Platform) -> None:
    _, key = await make_key(platform, scopes=["admin"])
    headers = {"Authorization": f"Bearer {key['token']['access_token']}"}
    problem(await platform.client.get("/admin/v1/policies", headers=headers), 401, "unauthorized")
