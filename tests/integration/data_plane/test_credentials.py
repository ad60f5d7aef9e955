"""API keys, tickets, and credentials in the query."""

import asyncio
import time
from base64 import urlsafe_b64decode
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis
from websockets.exceptions import InvalidStatus

from cli.embedded import redis_server
from services.data_plane.settings import Settings
from shared import keys
from shared.api_keys import ApiKeyDefinition, make_api_key, read_api_key
from shared.claims import AccessClaims
from shared.definition import ApiId
from shared.subscription import ApplicationId
from shared.tickets import Ticket, digest_ticket
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.integration.data_plane.test_revocations import revoke
from tests.support.redis import on_each_redis
from tests.support.waiting import eventually
from tests.support.world import World


async def key_for(gate: Gate, backend: Backend, types: tuple[str, ...] = ("api_key",), **fields: Any) -> dict[str, str]:
    """Have the API take keys, publish one, and return the header that shows it."""
    gate.world.put_api(backend.url, auth={"types": types})
    text = make_api_key()
    put_key(gate.world, text, **fields)
    await gate.caught_up()
    return {"X-API-Key": text}


def put_key(world: World, text: str, **fields: Any) -> None:
    digest = read_api_key(text)
    assert digest is not None
    key = {"digest": digest, "application_id": "app", "key_type": "PRODUCTION"} | fields
    world.put("api_key", "one", ApiKeyDefinition.model_validate(key))


def put_ticket(world: World, text: str, **fields: Any) -> None:
    ticket = Ticket(api_id=ApiId("api"), application_id=ApplicationId("app"), key_type="PRODUCTION")
    world.redis.set(keys.ticket(digest_ticket(text)), ticket.model_copy(update=fields).model_dump_json(), ex=30)


async def test_an_api_key_opens_and_its_application_is_the_caller(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend)
    async with gate.connect(token=None, headers=shown) as client:
        await client.send("hello")
        assert await client.recv() == "hello"
    assert backend.request.headers["X-Consumer-Application"] == "app"
    assert shown["X-API-Key"] not in str(backend.request.headers)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"expires_at": 1_000_000_000}, (401, "token_expired")),
        ({"application_id": "gone"}, (403, "application_removed")),
        ({"key_type": "SANDBOX"}, (403, "key_type_unserved")),
        ({"allowed_ips": ("192.0.2.0/24", "::1")}, (403, "source_forbidden")),
        ({"allowed_origins": ("https://app.example",)}, (403, "origin_forbidden")),
    ],
)
async def test_an_api_key_is_good_only_where_it_says(
    gate: Gate, backend: Backend, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    shown = await key_for(gate, backend, **fields)
    assert slug(await refusal(gate, token=None, headers=shown)) == expected


async def test_an_api_key_with_lists_opens_from_them(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend, allowed_ips=("127.0.0.1",), allowed_origins=("https://*.example",))
    async with gate.connect(token=None, headers=shown, origin="https://app.example"):
        pass


async def test_a_mistyped_or_unknown_key_and_an_api_that_takes_none(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend)
    mistyped = {"X-API-Key": shown["X-API-Key"][:-1] + "_"}
    assert slug(await refusal(gate, token=None, headers=mistyped)) == (401, "token_invalid")
    unknown = {"X-API-Key": make_api_key()}
    assert slug(await refusal(gate, token=None, headers=unknown)) == (401, "key_revoked")
    gate.world.put_api(backend.url)
    await gate.caught_up()
    assert slug(await refusal(gate, token=None, headers=shown)) == (401, "token_invalid")


async def test_an_api_that_needs_scopes_takes_no_key(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend)
    gate.world.put_api(backend.url, auth={"types": ["api_key"], "scopes": ["chat"]})
    await gate.caught_up()
    assert slug(await refusal(gate, token=None, headers=shown)) == (403, "scope_missing")


async def test_a_key_that_is_removed_or_expires_closes_its_connections(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend, expires_at=int(time.time()) + 3)  # noqa: TID251 - a test's keys are of now
    async with gate.connect(token=None, headers=shown) as client:
        async with asyncio.timeout(6):
            await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4401, "token_expired")
    shown = await key_for(gate, backend)
    async with gate.connect(token=None, headers=shown) as client:
        gate.world.put("api_key", "one", None)
        async with asyncio.timeout(5):
            await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4501, "key_revoked")


async def test_a_key_that_may_be_used_from_elsewhere_only_closes_its_connections(gate: Gate, backend: Backend) -> None:
    shown = await key_for(gate, backend)
    async with gate.connect(token=None, headers=shown) as client, asyncio.timeout(5):
        put_key(gate.world, shown["X-API-Key"], allowed_ips=("192.0.2.0/24",))
        await client.wait_closed()
    assert (client.close_code, client.close_reason) == (4503, "source_forbidden")
    shown = await key_for(gate, backend)
    async with gate.connect(token=None, headers=shown, origin="https://app.example") as client, asyncio.timeout(5):
        put_key(gate.world, shown["X-API-Key"], allowed_origins=("https://other.example",))
        await client.wait_closed()
    assert (client.close_code, client.close_reason) == (4503, "origin_forbidden")


@pytest.mark.parametrize(
    ("before", "after", "shown", "expected"),
    [
        ({"types": ["none"]}, {}, "nothing", (4501, "credentials_required")),
        ({}, {"types": ["api_key"]}, "token", (4501, "token_invalid")),
        ({}, {"types": ["api_key"]}, "ticket of a token", (4501, "token_invalid")),
        ({"types": ["api_key"]}, {}, "key", (4501, "token_invalid")),
        ({}, {"scopes": ["chat"]}, "token", (4503, "scope_missing")),
        ({}, {"scopes": ["chat"]}, "ticket", (4503, "scope_missing")),
        ({"types": ["api_key"]}, {"types": ["api_key"], "scopes": ["chat"]}, "key", (4503, "scope_missing")),
        ({}, {"types": ["api_key"], "scopes": ["a"]}, "ticket", None),
        ({}, {"scopes": ["a"]}, "token", None),
        ({}, {"types": ["oauth2", "api_key"]}, "ticket of a token", None),
        ({}, {"types": ["none"]}, "token", None),
    ],
)
async def test_what_an_api_takes_holds_for_open_connections(
    gate: Gate,
    backend: Backend,
    before: dict[str, Any],
    after: dict[str, Any],
    shown: str,
    expected: tuple[int, str] | None,
) -> None:
    put_ticket(gate.world, "owner's", scopes=("a",))
    put_ticket(gate.world, "token's", claims=claims_of(gate))
    key = await key_for(gate, backend)
    gate.world.put_api(backend.url, auth=before)
    await gate.caught_up()
    ways: dict[str, Any] = {
        "nothing": {"token": None},
        "token": {"token": gate.world.issuer.token(scope="a")},
        "key": {"token": None, "headers": key},
        "ticket": {"path": "/echo/1.0?ticket=owner's", "token": None},
        "ticket of a token": {"path": "/echo/1.0?ticket=token's", "token": None},
    }
    async with gate.connect(**ways[shown]) as client, asyncio.timeout(5):
        api = gate.world.put_api(backend.url, auth=after)
        if expected is None:
            await eventually(lambda: [connection.api for connection in gate.pod.registry.all()] == [api])
            await client.send("still here")
            assert await client.recv() == "still here"
        else:
            await client.wait_closed()
            assert (client.close_code, client.close_reason) == expected


@on_each_redis
async def test_a_ticket_opens_once_on_any_pod_and_no_backend_sees_it(
    gate: Gate, backend: Backend, pod_settings: Settings
) -> None:
    async with run_gate(gate.world, pod_settings) as other:
        put_ticket(gate.world, "t-1")
        async with gate.connect("/echo/1.0/room?a=1&ticket=t-1&b=%20", token=None) as client:
            await client.send("x")
            await client.recv()
        assert backend.request.path == "/room?a=1&b=%20"
        for one in (gate, other):
            assert slug(await refusal(one, "/echo/1.0?ticket=t-1", token=None)) == (401, "token_invalid")


async def test_two_pods_that_are_shown_a_ticket_at_once(gate: Gate, pod_settings: Settings) -> None:
    async with run_gate(gate.world, pod_settings) as other:
        put_ticket(gate.world, "t-2")

        async def is_accepted(one: Gate) -> bool:
            try:
                async with one.connect("/echo/1.0?ticket=t-2", token=None):
                    return True
            except InvalidStatus:
                return False

        assert sum(await asyncio.gather(*(is_accepted(one) for one in (gate, other) * 5))) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"api_id": "other"}, (401, "token_invalid")),
        ({"application_id": "gone"}, (403, "application_removed")),
    ],
)
async def test_a_ticket_is_good_for_one_api_and_one_application(
    gate: Gate, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    put_ticket(gate.world, "t-3", **fields)
    assert slug(await refusal(gate, "/echo/1.0?ticket=t-3", token=None)) == expected


async def test_a_ticket_beside_a_token_is_one_credential_too_many(gate: Gate) -> None:
    put_ticket(gate.world, "t-4")
    assert slug(await refusal(gate, "/echo/1.0?ticket=t-4")) == (400, "ambiguous_credentials")
    assert slug(await refusal(gate, "/echo/1.0?ticket=t-4&%74icket=t-4", token=None)) == (400, "ambiguous_credentials")


def claims_of(gate: Gate, **changes: Any) -> AccessClaims:
    payload = gate.world.issuer.token(**changes).split(".")[1]
    return AccessClaims.model_validate_json(urlsafe_b64decode(payload + "=="))


async def test_a_connection_by_ticket_ends_with_the_token_that_it_stands_for(gate: Gate) -> None:
    put_ticket(gate.world, "t-5", claims=claims_of(gate, seconds=2))
    async with gate.connect("/echo/1.0?ticket=t-5", token=None) as client, asyncio.timeout(6):
        await client.wait_closed()
    assert client.close_code == 4401


async def test_a_ticket_is_worth_no_more_than_its_token_and_its_key(gate: Gate) -> None:
    put_ticket(gate.world, "t-6", claims=claims_of(gate, jti="bad"))
    put_ticket(gate.world, "t-7", claims=claims_of(gate, jti="bad"))
    put_ticket(gate.world, "t-8", claims=claims_of(gate))
    put_ticket(gate.world, "t-9", claims=claims_of(gate))
    async with (
        gate.connect("/echo/1.0?ticket=t-6", token=None) as revoked,
        gate.connect("/echo/1.0?ticket=t-8", token=None) as without_key,
    ):
        revoke(gate.world, "bad")
        async with asyncio.timeout(5):
            await revoked.wait_closed()
        assert (revoked.close_code, revoked.close_reason) == (4501, "token_revoked")
        assert slug(await refusal(gate, "/echo/1.0?ticket=t-7", token=None)) == (401, "token_revoked")
        gate.world.put("key", "key", None)
        async with asyncio.timeout(5):
            await without_key.wait_closed()
        assert (without_key.close_code, without_key.close_reason) == (4501, "key_revoked")
        assert slug(await refusal(gate, "/echo/1.0?ticket=t-9", token=None)) == (401, "key_revoked")


async def test_a_ticket_is_no_way_around_what_an_api_takes(gate: Gate, backend: Backend) -> None:
    put_ticket(gate.world, "t-10", claims=claims_of(gate))
    gate.world.put_api(backend.url, auth={"types": ["api_key"]})
    await gate.caught_up()
    assert slug(await refusal(gate, "/echo/1.0?ticket=t-10", token=None)) == (401, "token_invalid")


@pytest.mark.parametrize("header", ["Authorization: Bearer \xff", "Sec-WebSocket-Protocol: chat, bearer.\xff"])
async def test_a_token_that_is_no_ascii_is_no_token(gate: Gate, header: str) -> None:
    lines = [
        "GET /echo/1.0 HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", header, "", "",
    ]  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    writer.write("\r\n".join(lines).encode("latin-1"))
    assert (await asyncio.wait_for(reader.readline(), 5)).split()[1] == b"401"
    writer.close()


async def test_without_redis_a_ticket_is_no_ticket_yet(backend: Backend) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        url = redis.enter_context(redis_server())
        world = World(redis.enter_context(Redis.from_url(url, decode_responses=True)))
        world.put_tutorial(backend.url)
        async with run_gate(world, Settings(redis_url=url, demo=True, drain_seconds=0)) as gate:
            redis.close()
            answer = await refusal(gate, "/echo/1.0?ticket=t", token=None)
            assert slug(answer) == (503, "unavailable")
            assert int(answer[2]["retry-after"]) > 0


async def test_a_token_in_the_query_only_where_the_api_says_so(gate: Gate, backend: Backend) -> None:
    path = f"/echo/1.0?access_token={gate.world.issuer.token()}&a=1"
    assert slug(await refusal(gate, path, token=None)) == (401, "credentials_required")
    gate.world.put_api(backend.url, auth={"types": ["oauth2", "api_key"], "query": True})
    await gate.caught_up()
    async with gate.connect(path, token=None) as client:
        await client.send("x")
        await client.recv()
    assert backend.request.path == "/?a=1"
    shown = await key_for(gate, backend)
    gate.world.put_api(backend.url, auth={"types": ["api_key"], "query": True})
    await gate.caught_up()
    async with gate.connect(f"/echo/1.0?apikey={shown['X-API-Key']}", token=None):
        pass
