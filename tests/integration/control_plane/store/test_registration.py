"""Clients that register themselves (RFC 7591, RFC 7592)."""

from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from redis import Redis

from services.control_plane.oauth.models import OAuthClient
from tests.integration.control_plane.platform import Platform, on_sqlite, problem

REGISTER = "/oauth2/register"
BODY = {
    "client_name": "Weather",
    "redirect_uris": ["https://app.example.com/back"],
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "read write",
    "software_id": "unknown here",
}


async def manage(platform: Platform, made: dict[str, Any], method: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {made['registration_access_token']}"}
    path = made["registration_client_uri"].removeprefix("http://localhost:8000")
    return await platform.client.request(method, path, headers=headers, **options)


async def test_a_client_registers_reads_changes_and_deletes_itself(platform: Platform, redis_client: Redis) -> None:
    response = await platform.client.post(REGISTER, json=BODY)
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    assert (made["client_name"], made["scope"], made["client_secret_expires_at"]) == ("Weather", "read write", 0)
    assert made["client_id"] in platform.catalogue(redis_client)["key"]
    read = await manage(platform, made, "GET")
    secrets = {"client_secret", "client_secret_expires_at", "registration_access_token"}
    assert read.json() == {name: value for name, value in made.items() if name not in secrets}
    changed = {**BODY, "client_id": made["client_id"], "client_name": "Sun", "grant_types": ["client_credentials"]}
    assert (await manage(platform, made, "PUT", json=changed)).json()["client_name"] == "Sun"
    assert await platform.fetch_token(made["client_id"], made["client_secret"])
    assert (await manage(platform, made, "DELETE")).status_code == 204
    problem(await manage(platform, made, "GET"), 401, "unauthorized")
    assert made["client_id"] not in platform.catalogue(redis_client)["key"]


@on_sqlite
async def test_only_subscribers_register(platform: Platform) -> None:
    async with platform.account("publisher", "publisher:write") as client:
        problem(await client.post(REGISTER, json=BODY), 403, "insufficient_scope")
    platform.client.headers.pop("Authorization")
    problem(await platform.client.post(REGISTER, json=BODY), 401, "unauthorized")


@on_sqlite
async def test_a_registration_token_is_for_one_client_and_no_client_s_is_empty(platform: Platform) -> None:
    ours, theirs = [
        (await platform.client.post(REGISTER, json={**BODY, "client_name": name})).json() for name in ("Ours", "Theirs")
    ]
    mixed = {**ours, "registration_access_token": theirs["registration_access_token"]}
    problem(await manage(platform, mixed, "GET"), 401, "unauthorized")
    application = await platform.make_application()
    key = await platform.made(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION"})
    for token in ("", "x"):
        headers = {"Authorization": f"Bearer {token}"}
        for client_id in (key["consumer_key"], "unknown", "%00"):
            response = await platform.client.get(f"{REGISTER}/{client_id}", headers=headers)
            problem(response, 401, "unauthorized")


@on_sqlite
async def test_keys_take_the_place_of_a_secret(platform: Platform) -> None:
    jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
    body = {**BODY, "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}
    made = (await platform.client.post(REGISTER, json=body)).json()
    assert "client_secret" not in made
    assert (made["token_endpoint_auth_method"], made["jwks"]) == ("private_key_jwt", jwks)
    changed = {**BODY, "client_id": made["client_id"], "grant_types": ["client_credentials"]}
    answer = (await manage(platform, made, "PUT", json=changed)).json()
    assert await platform.fetch_token(made["client_id"], answer["client_secret"]), "it was never told a secret before"
    assert "client_secret" not in (await manage(platform, made, "PUT", json=changed)).json()


@on_sqlite
async def test_a_client_does_not_change_how_long_its_tokens_last(platform: Platform) -> None:
    made = (await platform.client.post(REGISTER, json=BODY)).json()
    with platform.database.writing() as session:
        session.get_one(OAuthClient, made["client_id"]).token_validity_seconds = 60
    await manage(platform, made, "PUT", json={**BODY, "client_id": made["client_id"]})
    with platform.database.reading() as session:
        assert session.get_one(OAuthClient, made["client_id"]).token_validity_seconds == 60


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uris": ["https://a.example/#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": "x"}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "none"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}}, "invalid_client_metadata"),
        ({"scope": 'a "b'}, "invalid_client_metadata"),
        ({"client_name": "\n"}, "invalid_client_metadata"),
    ],
)
@on_sqlite
async def test_bad_metadata_is_refused_and_makes_nothing(platform: Platform, change: Any, error: str) -> None:
    before = await platform.read("/store/v1/applications")
    response = await platform.client.post(REGISTER, json={**BODY, **change})
    assert response.status_code == 400, response.text
    assert response.json()["error"] == error
    assert await platform.read("/store/v1/applications") == before
