"""Tokens that end before their time: RFC 7009 and RFC 7662, and how the pods hear of it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import pytest
from joserfc.jws import extract_compact
from redis import Redis
from sqlmodel import select

from services.control_plane.kit.redis_client import connect
from services.control_plane.oauth import revocation
from services.control_plane.oauth.announcer import Announcer
from services.control_plane.oauth.models import RevokedToken
from services.control_plane.oauth.revocation import Revocations
from shared import keys
from tests.integration.control_plane.oauth.test_server import FORM, error_of
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite, problem
from tests.support.waiting import eventually

REVOKE, INTROSPECT = "/oauth2/revoke", "/oauth2/introspect"


@dataclass
class Client:
    id: str
    secret: str
    token: str

    async def ask(self, platform: Platform, path: str, token: str, **more: str) -> httpx.Response:
        form = {"client_id": self.id, "client_secret": self.secret, "token": token, **more}
        headers = {"Content-Type": FORM, "Authorization": ""}
        request = platform.client.build_request("POST", path, content=urlencode(form), headers=headers)
        del request.headers["Authorization"]
        return await platform.client.send(request)

    async def is_active(self, platform: Platform, token: str) -> bool:
        response = await self.ask(platform, INTROSPECT, token)
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        body = response.json()
        assert body["active"] or body == {"active": False}
        return bool(body["active"])


async def client_of(platform: Platform, name: str = "App", **changes: Any) -> Client:
    application = await platform.make_application(name)
    key = await platform.made(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION", **changes})
    return Client(key["consumer_key"], key["consumer_secret"], key["token"]["access_token"])


def jti_of(token: str) -> str:
    return str(json.loads(extract_compact(token.encode()).payload)["jti"])


def revoked(redis: Redis) -> set[str]:
    return set(cast("list[str]", redis.zrange(keys.REVOCATIONS_SET, 0, -1)))


def stream(redis: Redis) -> list[dict[str, str]]:
    return [entry for _, entry in cast("list[tuple[str, dict[str, str]]]", redis.xrange(keys.REVOCATIONS_STREAM))]


def announced(redis: Redis) -> list[str]:
    return [entry["jti"] for entry in stream(redis)]


def sent(platform: Platform) -> int:
    with platform.database.reading() as session:
        return revocation.count_sent(session, platform.clock())


async def test_a_revoked_token_is_good_no_more_and_the_pods_are_told(platform: Platform, redis_client: Redis) -> None:
    client = await client_of(platform)
    assert await client.is_active(platform, client.token)
    for _ in range(2):
        response = await client.ask(platform, REVOKE, client.token, token_type_hint="access_token")
        assert (response.status_code, response.json()) == (200, {})
        assert response.headers["cache-control"] == "no-store"
    assert not await client.is_active(platform, client.token)
    jti = jti_of(client.token)
    await eventually(lambda: announced(redis_client) == [jti])
    assert revoked(redis_client) == {jti}
    score = cast("float", redis_client.zscore(keys.REVOCATIONS_SET, jti))
    (entry,) = stream(redis_client)
    assert score == int(entry["expires_at"])
    assert 3500 < score - platform.clock().timestamp() <= 3600


async def test_the_management_api_refuses_a_revoked_token_at_once(platform: Platform) -> None:
    bootstrap = Client(CLIENT_ID, CLIENT_SECRET, await platform.sign_in(CLIENT_ID, CLIENT_SECRET))
    assert await platform.read("/admin/v1/policies", limit=1)
    await bootstrap.ask(platform, REVOKE, bootstrap.token)
    problem(await platform.client.get("/admin/v1/policies"), 401, "unauthorized")


@on_sqlite
async def test_only_its_client_can_revoke_a_token(platform: Platform) -> None:
    ours, theirs = await client_of(platform, "Ours"), await client_of(platform, "Theirs")
    assert error_of(await theirs.ask(platform, REVOKE, ours.token)) == "invalid_grant"
    assert await ours.is_active(platform, ours.token)


@on_sqlite
async def test_only_its_client_and_administrators_see_into_a_token(platform: Platform) -> None:
    # A scope of that name in an application is not the management scope.
    ours, theirs = await client_of(platform, "Ours"), await client_of(platform, "Theirs", scopes=["admin"])
    admin = Client(CLIENT_ID, CLIENT_SECRET, "")
    assert not await theirs.is_active(platform, ours.token)
    body = (await admin.ask(platform, INTROSPECT, ours.token)).json()
    assert body["client_id"] == body["sub"] == ours.id
    assert (body["active"], body["token_type"], body["jti"]) == (True, "Bearer", jti_of(ours.token))
    assert (body["iss"], body["aud"]) == ("http://localhost:8000", "urn:framegate:gateway")
    assert body["exp"] - body["iat"] == 3600


@on_sqlite
async def test_what_is_no_good_token_is_not_active_and_revoked_in_vain(platform: Platform) -> None:
    client = await client_of(platform)
    head, payload, _ = client.token.split(".")
    for token in ("x", "a.b.c", f"{head}.{payload}.", f"{head}.{payload}.{'A' * 86}", "x" * 9000, f"{client.token}x"):
        assert not await client.is_active(platform, token)
        assert (await client.ask(platform, REVOKE, token)).status_code == 200
    assert await client.is_active(platform, client.token)
    platform.clock.move(seconds=3601)
    assert not await client.is_active(platform, client.token)


@on_sqlite
async def test_the_tokens_of_a_deleted_client_are_not_active(platform: Platform) -> None:
    client = await client_of(platform)
    (application,) = (await platform.read("/store/v1/applications", q="App"))["items"][:1]
    path = f"/store/v1/applications/{application['id']}/keys/PRODUCTION"
    assert (await platform.client.delete(path)).status_code == 204
    assert not await Client(CLIENT_ID, CLIENT_SECRET, "").is_active(platform, client.token)


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
@on_sqlite
async def test_strangers_and_bad_forms_are_refused(platform: Platform, path: str) -> None:
    client = await client_of(platform)
    stranger = Client(client.id, "wrong", "")
    assert error_of(await stranger.ask(platform, path, client.token), 401) == "invalid_client"
    assert error_of(await client.ask(platform, path, "")) == "invalid_request"
    assert (await client.ask(platform, path, "x", token_type_hint="x")).status_code == 200
    twice = f"token=x&token=x&client_id={client.id}"
    response = await platform.client.post(path, content=twice, headers={"Content-Type": FORM})
    assert error_of(response) == "invalid_request"
    problem(await platform.client.get(path), 405, "method_not_allowed")


async def test_what_was_not_sent_before_a_crash_is_sent_after_it(started: Start, redis_client: Redis) -> None:
    async with started() as platform:
        pass
    now = platform.clock()
    with platform.database.writing() as session:  # a process that died after its commit
        Revocations(platform.clock).add(session, "lost", "client", now + timedelta(hours=1))
    platform.database.close()
    assert announced(redis_client) == []
    async with started():
        await eventually(lambda: announced(redis_client) == ["lost"])
    assert revoked(redis_client) == {"lost"}


async def test_redis_is_given_again_what_it_lost(platform: Platform, redis_client: Redis) -> None:
    now = platform.clock()
    with platform.database.writing() as session:
        for number in range(3):
            Revocations(platform.clock).add(session, f"t{number}", "client", now + timedelta(hours=1))
    await eventually(lambda: sent(platform) == 3)
    redis_client.delete(keys.REVOCATIONS_SET, keys.REVOCATIONS_STREAM)
    with connect(platform.settings.redis_url) as redis:
        Announcer(platform.database, redis, platform.clock).reconcile()
    assert revoked(redis_client) == {"t0", "t1", "t2"} == set(announced(redis_client))


async def test_what_has_expired_is_forgotten(platform: Platform, redis_client: Redis) -> None:
    revocations, now = Revocations(platform.clock), platform.clock()

    def add(jti: str, expires_at: datetime) -> None:
        with platform.database.writing() as session:
            revocations.add(session, jti, "client", expires_at)

    add("past", now - timedelta(minutes=2))
    add("short", now + timedelta(minutes=1))
    await eventually(lambda: revoked(redis_client) == {"past", "short"})
    platform.clock.move(minutes=3)

    def forgotten() -> bool:
        with platform.database.writing() as session:
            revocations.sweep(session)  # leaves alone what the announcer is still marking
            return session.exec(select(RevokedToken)).all() == []

    await eventually(forgotten)
    add("long", now + timedelta(hours=1))
    await eventually(lambda: revoked(redis_client) == {"long"})
