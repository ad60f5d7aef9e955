"""What proves to a backend that the gateway calls: written, kept, and never read again but by the pods."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis
from sqlalchemy import inspect, text

from shared import keys
from tests.integration.control_plane.platform import ECHO, Platform, fields, on_sqlite
from tests.support.certificate import make_certificate

APIS = "/publisher/v1/apis"
CREDENTIALS = {"header": "Authorization", "value": "Bearer very-secret"}


@pytest.fixture
def redis(redis_url: str) -> Any:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def definition(platform: Platform, redis: Redis, api: dict[str, Any]) -> dict[str, Any]:
    """Return what the pods are told of an API."""
    told: dict[str, Any] = json.loads(platform.catalogue(redis)["api"][api["id"]])
    return told


def unseal(redis: Redis, sealed: str) -> str:
    """Read what is sealed, as a pod does."""
    return Fernet(str(redis.get(keys.CATALOGUE_KEY))).decrypt(sealed).decode()


def everything_stored(platform: Platform) -> str:
    """Return all of the database as text."""
    with platform.database.reading() as session:
        names = inspect(session.connection()).get_table_names()
        rows = [session.connection().execute(text(f'SELECT * FROM "{name}"')).all() for name in names]  # noqa: S608
    return str(rows)


async def test_only_pods_read_them_again(platform: Platform, redis: Redis, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path).both.read_text()
    api = await platform.publish_api(backend_credentials=CREDENTIALS, client_certificate=certificate)
    assert (api["backend_credentials"], api["client_certificate"]) == (True, True)
    told = definition(platform, redis, api)
    assert json.loads(unseal(redis, told["sealed_backend_credentials"])) == CREDENTIALS
    assert unseal(redis, told["sealed_client_certificate"]) == certificate
    listing = (await platform.client.get(APIS)).text
    secret_line = certificate.partition("PRIVATE KEY-----\n")[2].partition("\n")[0]
    for place in (listing, json.dumps(api), everything_stored(platform), json.dumps(platform.catalogue(redis))):
        assert "very-secret" not in place
        assert secret_line not in place
    assert str(redis.get(keys.CATALOGUE_KEY)) not in everything_stored(platform)


@on_sqlite
async def test_what_was_read_can_be_put_back(platform: Platform, redis: Redis) -> None:
    api = await platform.publish_api(backend_credentials=CREDENTIALS)
    path, before = f"{APIS}/{api['id']}", definition(platform, redis, api)
    put = await platform.client.put(path, json=await platform.read(path))
    assert put.status_code == 200, put.text
    again = await platform.client.patch(path, json={"backend_credentials": CREDENTIALS})
    assert again.json()["backend_credentials"] is True
    assert definition(platform, redis, api) == before


@on_sqlite
async def test_they_are_replaced_removed_and_copied(platform: Platform, redis: Redis) -> None:
    api = await platform.publish_api(backend_credentials=CREDENTIALS)
    path = f"{APIS}/{api['id']}"
    copy = await platform.made(f"{path}/versions", {"version": "2.0"})
    assert copy["backend_credentials"] is True
    await platform.client.patch(path, json={"backend_credentials": {"username": "a", "password": "b"}})
    sealed = definition(platform, redis, api)["sealed_backend_credentials"]
    assert json.loads(unseal(redis, sealed))["value"] == "Basic YTpi"
    assert (await platform.client.patch(path, json={"backend_credentials": None})).json()["backend_credentials"] is None
    assert definition(platform, redis, api)["sealed_backend_credentials"] is None
    assert (await platform.read(f"{APIS}/{copy['id']}"))["backend_credentials"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"backend_credentials": True}, "backend_credentials"),
        ({"client_certificate": True}, "client_certificate"),
        ({"client_certificate": "very-secret"}, "client_certificate"),
        ({"ca_certificate": "-----BEGIN CERTIFICATE-----"}, "ca_certificate"),
        ({"backend_credentials": {"header": "Host", "value": "very-secret"}}, "backend_credentials.header"),
        ({"backend_credentials": {"username": "very-secret"}}, "backend_credentials"),
        ({"set_headers": {"X-Tenant": "very-secret\r\n"}}, "set_headers.X-Tenant"),
        ({"set_headers": {"Host": "a"}}, "set_headers.Host"),
    ],
)
@on_sqlite
async def test_what_is_wrong_is_named_and_not_repeated(platform: Platform, changes: dict[str, Any], field: str) -> None:
    answer = await platform.client.post(APIS, json={**ECHO, **changes})
    assert list(fields(answer)) == [field]
    assert "very-secret" not in answer.text


@on_sqlite
async def test_pods_are_told_how_to_speak_to_the_backend(platform: Platform, redis: Redis, tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "ping_interval_seconds": None,
        "max_connection_age_seconds": 600,
        "set_headers": {"X-Tenant": "7"},
        "forward_cookies": True,
        "ca_certificate": make_certificate(tmp_path).cert.read_text(),
    }
    api = await platform.publish_api(**said)
    for read in (api, definition(platform, redis, api)):
        assert {name: read[name] for name in said} == said
