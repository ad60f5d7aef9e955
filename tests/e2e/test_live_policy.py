"""What is taken away is taken from open connections too: on every pod, within a second, and from nobody else."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from services.control_plane.identity.service import CLI_CLIENT_ID
from tests.e2e.conftest import Installation
from tests.integration.control_plane.oauth.browser import CodeClient
from tests.integration.data_plane.conftest import Backend

pytestmark = pytest.mark.timeout(180)

PASSWORD = "a password that will do"
RETURN = "http://127.0.0.1:23456/callback"

MANY = 200
FEW = 20


async def publish(framegate: Installation, name: str, backend: Backend) -> str:
    body = {
        "name": name,
        "context": f"/{name}",
        "version": "1.0",
        "endpoints": {"production": {"urls": [backend.url]}},
        "policies": ["Unlimited"],
    }
    api = await framegate.post("/publisher/v1/apis", body)
    await framegate.move(api["id"], "publish")
    return str(api["id"])


class Access:
    """An application with a key and a subscription."""

    def __init__(
        self, framegate: Installation, path: str, application: str, subscription: str, key: dict[str, Any]
    ) -> None:
        self._framegate = framegate
        self.path = path
        self.application = application
        self.subscription = subscription
        self.key = key
        self.token = key["token"]["access_token"]

    async def revoke(self) -> None:
        """Take the token back (RFC 7009)."""
        client = (self.key["consumer_key"], self.key["consumer_secret"])
        answer = await self._framegate.rest.post("/oauth2/revoke", data={"token": self.token}, auth=client)
        assert answer.status_code == 200, answer.text

    @asynccontextmanager
    async def connected(self, count: int) -> AsyncIterator[list[ClientConnection]]:
        """Open so many connections on each pod."""
        async with AsyncExitStack() as stack:
            connections = []
            for index in range(2 * count):
                connection = self._framegate.connect(self.path, self.token, index % 2, ping_interval=None)
                connections.append(await stack.enter_async_context(connection))
            yield connections


async def gain(framegate: Installation, api: str, path: str, name: str) -> Access:
    application = (await framegate.post("/store/v1/applications", {"name": name, "policy": "Unlimited"}))["id"]
    wanted = {"application_id": application, "api_id": api, "policy": "Unlimited"}
    subscription = (await framegate.post("/store/v1/subscriptions", wanted))["id"]
    key = await framegate.post(f"/store/v1/applications/{application}/keys", {"key_type": "PRODUCTION"})
    await framegate.caught_up()
    return Access(framegate, path, application, subscription, key)


async def closings(connections: list[ClientConnection]) -> tuple[Counter[tuple[int | None, str | None]], float]:
    """Return with what all were closed, and within how many seconds."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
    took = time.monotonic() - began
    return Counter((connection.close_code, connection.close_reason) for connection in connections), took


async def test_what_is_taken_away_closes_its_connections_and_no_others(
    installation: Installation, production: Backend
) -> None:
    framegate = installation
    api, other_api = [await publish(framegate, name, production) for name in ("mine", "others")]
    others = await gain(framegate, other_api, "/others/1.0", "others")
    async with others.connected(FEW) as bystanders:
        await _block_and_unblock(framegate, api, await gain(framegate, api, "/mine/1.0", "blocked"))
        await _remove(framegate, api)
        for bystander in bystanders:
            await bystander.send("still here")
            assert await asyncio.wait_for(bystander.recv(), 5) == "still here"


async def test_a_disabled_user_loses_their_connections(installation: Installation, production: Backend) -> None:
    framegate, path = installation, "/mine/1.0"
    api = await publish(framegate, "mine", production)
    others = await gain(framegate, api, path, "others")
    user = await framegate.post("/admin/v1/users", {"name": "maria", "password": PASSWORD, "roles": ["subscriber"]})
    async with others.connected(FEW) as bystanders, signed_in(framegate, "maria", PASSWORD) as maria:
        mine = await gain(maria, api, path, "Maria's")
        disable = partial(framegate.call, "PATCH", f"/admin/v1/users/{user['id']}", {"disabled": True})
        await _closes(mine, MANY, disable, (4503, "user_disabled"))
        for bystander in bystanders:
            await bystander.send("still here")
            assert await asyncio.wait_for(bystander.recv(), 5) == "still here"


@dataclass
class Browser:
    client: httpx.AsyncClient


@asynccontextmanager
async def signed_in(framegate: Installation, name: str, password: str) -> AsyncIterator[Installation]:
    """Yield the installation as a person speaks with it who signed in by the command."""
    async with httpx.AsyncClient(base_url=framegate.rest.base_url, trust_env=False) as client:
        command = CodeClient(Browser(client), CLI_CLIENT_ID, "", "")
        decided = await command.decide(await command.page(redirect_uri=RETURN), username=name, password=password)
        code = dict(parse_qsl(urlsplit(decided.headers["location"]).query))["code"]
        answer = await command.exchange(code, redirect_uri=RETURN)
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield replace(framegate, rest=client)


async def _block_and_unblock(framegate: Installation, api: str, mine: Access) -> None:
    subscription = f"/publisher/v1/subscriptions/{mine.subscription}"
    block = partial(framegate.post, f"{subscription}/block", {"scope": "all"}, status=200)
    await _closes(mine, MANY, block, (4503, "subscription_blocked"))
    await framegate.post(f"{subscription}/unblock", None, status=200)
    await framegate.caught_up()

    entry = {"kind": "application", "value": mine.application}
    await _closes(mine, FEW, partial(framegate.post, "/admin/v1/blocklist", entry), (4503, "application_blocked"))
    listed = await framegate.call("GET", "/admin/v1/blocklist")
    await framegate.call("DELETE", f"/admin/v1/blocklist/{listed['items'][0]['id']}", status=204)
    await framegate.caught_up()

    await _closes(mine, FEW, partial(framegate.move, api, "block"), (1013, "api_blocked"))
    await framegate.move(api, "unblock")
    await framegate.caught_up()


async def _remove(framegate: Installation, api: str) -> None:
    """Remove a token, a key, an application and the API, each with connections of its own."""
    delete = partial(framegate.call, "DELETE", status=204)
    mine = await gain(framegate, api, "/mine/1.0", "loses its token")
    await _closes(mine, MANY, mine.revoke, (4501, "token_revoked"))

    mine = await gain(framegate, api, "/mine/1.0", "loses its key")
    application = f"/store/v1/applications/{mine.application}"
    await _closes(mine, FEW, partial(delete, f"{application}/keys/PRODUCTION"), (4501, "key_revoked"))

    mine = await gain(framegate, api, "/mine/1.0", "is removed")
    application = f"/store/v1/applications/{mine.application}"
    await _closes(mine, FEW, partial(delete, application), (4503, "application_removed"))

    mine = await gain(framegate, api, "/mine/1.0", "loses its API")
    await framegate.move(api, "deprecate")
    await _closes(mine, FEW, partial(framegate.move, api, "retire"), (4510, "api_retired"))


async def _closes(mine: Access, count: int, take_away: Callable[[], Awaitable[Any]], expected: tuple[int, str]) -> None:
    async with mine.connected(count) as connections:
        await take_away()
        closed, took = await closings(connections)
    assert closed == {expected: 2 * count}
    assert took < 2, "a second, and room for a busy machine"


async def test_expiry_closes_on_time_and_renewal_keeps_open(installation: Installation, production: Backend) -> None:
    framegate = installation
    mine = await gain(framegate, await publish(framegate, "mine", production), "/mine/1.0", "expires")
    path = f"/store/v1/applications/{mine.application}/keys/PRODUCTION/token"
    short = await framegate.post(path, {"validity_seconds": 8}, status=200)
    expires_at = time.monotonic() + 8
    mine.token = short["access_token"]
    async with mine.connected(FEW) as connections:
        listed = await framegate.call("GET", f"/store/v1/connections?application_id={mine.application}&limit=100")
        assert (listed["total"], listed["unanswered"]) == (2 * FEW, 0)
        assert len({item["pod"] for item in listed["items"]}) == 2
        renewed, expiring = connections[:FEW], connections[FEW:]
        for connection in renewed:
            await renew(framegate, connection, (await framegate.post(path, {}, status=200))["access_token"])
        closed, _ = await closings(expiring)
        assert closed == {(4401, "token_expired"): FEW}
        assert expires_at - 1 < time.monotonic() < expires_at + 3, "two seconds, and room for a busy machine"
        for connection in renewed:
            await connection.send("still here")
            assert await asyncio.wait_for(connection.recv(), 5) == "still here"


async def renew(framegate: Installation, connection: ClientConnection, token: str) -> None:
    assert connection.response is not None
    path = f"/store/v1/connections/{connection.response.headers['X-Connection-Id']}/token"
    answer = await framegate.rest.post(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
