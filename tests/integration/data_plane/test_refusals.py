"""Every refusal before the upgrade: its status, its problem, and nothing of the backend's in it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.utils import accept_key

from services.data_plane.app import Ports, run_pod
from services.data_plane.failures import MOST_A_SECOND
from services.data_plane.settings import Settings
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.support.waiting import eventually
from tests.support.world import World

Answer = tuple[int, dict[str, Any], dict[str, str]]


async def refusal(gate: Gate, path: str = "/echo/1.0", token: str | None = "", **options: Any) -> Answer:
    """Return status, problem and headers of a handshake that must be refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with gate.connect(path, token, **options):
            pass
    return read(refused.value)


async def is_admitted(gate: Gate) -> bool:
    return await attempt(gate) is None


async def attempt(gate: Gate, token: str | None = "") -> Answer | None:
    """Return the refusal of a handshake, if it is refused."""
    try:
        async with gate.connect(token=token):
            return None
    except InvalidStatus as refused:
        return read(refused)


def read(refused: InvalidStatus) -> Answer:
    response = refused.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    assert headers["content-type"].startswith("application/problem+json")
    problem = json.loads(response.body or b"")
    assert problem["status"] == response.status_code
    return response.status_code, problem, headers


def slug(answer: Answer) -> tuple[int, str]:
    return answer[0], answer[1]["type"].rpartition("/")[2]


async def test_no_token(gate: Gate) -> None:
    status, problem, headers = await refusal(gate, token=None)
    assert (status, problem["type"]) == (401, "/problems/credentials_required")
    assert headers["www-authenticate"] == 'Bearer realm="framegate", DPoP algs="ES256 RS256 Ed25519"'


async def test_bad_tokens(gate: Gate) -> None:
    good = gate.world.issuer.token()
    head, payload, signature = good.split(".")
    bad = {
        "rubbish": "rubbish",
        "a changed signature": f"{head}.{payload}.{signature[:-4]}AAAA",
        "another audience": gate.world.issuer.token(aud="urn:framegate:management"),
        "another issuer": gate.world.issuer.token(iss="http://evil.test"),
        "bound to a key": gate.world.issuer.token(cnf={"jkt": "x"}),
        "not base64": "a.b.c",
    }
    for why, token in bad.items():
        answer = await refusal(gate, token=token)
        assert slug(answer) == (401, "token_invalid"), why
        assert 'error="invalid_token"' in answer[2]["www-authenticate"], why
        assert token not in json.dumps(answer[1]), why


async def test_an_expired_token_even_if_it_was_good_before(gate: Gate) -> None:
    assert slug(await refusal(gate, token=gate.world.issuer.token(seconds=-10))) == (401, "token_expired")


async def test_another_scheme_and_an_api_key_that_nobody_has(gate: Gate) -> None:
    assert slug(await refusal(gate, token=None, headers={"Authorization": "Basic YTpi"})) == (401, "token_invalid")
    assert slug(await refusal(gate, token=None, headers={"X-API-Key": "nobody's"})) == (401, "token_invalid")


async def test_two_credentials(gate: Gate) -> None:
    assert slug(await refusal(gate, headers={"X-API-Key": "x"})) == (400, "ambiguous_credentials")


async def test_a_token_of_a_deleted_key(gate: Gate) -> None:
    gate.world.put("key", "key", None)
    await gate.caught_up()
    assert slug(await refusal(gate)) == (401, "key_revoked")


async def test_no_subscription_and_blocked_ones(gate: Gate) -> None:
    gate.world.put_subscription(state="BLOCKED")
    await gate.caught_up()
    assert slug(await refusal(gate)) == (403, "subscription_blocked")
    gate.world.put_subscription(state="PROD_ONLY_BLOCKED")
    await gate.caught_up()
    assert slug(await refusal(gate)) == (403, "subscription_blocked")
    gate.world.put("subscription", "app-api", None)
    await gate.caught_up()
    assert slug(await refusal(gate)) == (403, "subscription_missing")


async def test_a_key_type_without_an_endpoint(gate: Gate) -> None:
    token = gate.world.issuer.token("sandbox-key")
    assert slug(await refusal(gate, token=token)) == (403, "key_type_unserved")


async def test_a_scope_that_is_missing(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, auth={"types": ["oauth2"], "scopes": ["chat:write"]})
    await gate.caught_up()
    answer = await refusal(gate)
    assert slug(answer) == (403, "scope_missing")
    assert 'scope="chat:write"' in answer[2]["www-authenticate"]
    async with gate.connect(token=gate.world.issuer.token(scope="a chat:write")):
        pass


async def test_an_origin_that_is_not_listed(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, origins=["https://good.test"])
    await gate.caught_up()
    assert slug(await refusal(gate, origin="https://evil.test")) == (403, "origin_forbidden")
    async with gate.connect(origin="https://good.test"):
        pass


@pytest.mark.parametrize(
    ("state", "expected"),
    [("RETIRED", (404, "api_not_found")), ("CREATED", (404, "api_not_found")), ("BLOCKED", (503, "api_blocked"))],
)
async def test_states_that_do_not_answer(gate: Gate, backend: Backend, state: str, expected: tuple[int, str]) -> None:
    gate.world.put_api(backend.url, state=state)
    await gate.caught_up()
    assert slug(await refusal(gate)) == expected


async def test_an_unknown_api(gate: Gate) -> None:
    assert slug(await refusal(gate, "/nothing/1.0")) == (404, "api_not_found")
    assert slug(await refusal(gate, "/echo/9.9")) == (404, "api_not_found")


async def raw(port: int, request: str) -> tuple[int, dict[str, str], bytes]:
    """Send a request by hand; return status, headers and body, read to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


async def test_a_plain_get_is_told_to_upgrade(gate: Gate) -> None:
    status, headers, body = await raw(gate.port, "GET /echo/1.0 HTTP/1.1\nHost: x\n\n")
    assert (status, headers["upgrade"], headers["sec-websocket-version"]) == (426, "websocket", "13")
    assert json.loads(body)["type"] == "/problems/upgrade_required"


UPGRADE = (
    "GET /echo/1.0 HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n"
)


async def test_another_version_another_method_and_a_body(gate: Gate) -> None:
    status, headers, _ = await raw(gate.port, UPGRADE.replace("Version: 13", "Version: 8") + "\n")
    assert (status, headers["sec-websocket-version"]) == (426, "13")
    status, headers, _ = await raw(gate.port, UPGRADE.replace("GET", "POST", 1) + "\n")
    assert (status, headers["allow"]) == (405, "GET")
    status, _, _ = await raw(gate.port, UPGRADE + "Content-Length: 3\n\nabc")
    assert status == 400


async def test_what_is_sent_behind_a_refused_upgrade_is_never_a_request(gate: Gate) -> None:
    _, _, body = await raw(gate.port, UPGRADE + "\n" + UPGRADE.replace("/echo/1.0", "/other") + "\n")
    assert body.count(b"HTTP/1.1") == 0


# Backends that fail


@asynccontextmanager
async def bad_backend(answer: Callable[[bytes], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve one answer to whatever comes; yield the URL, and the requests that came."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        requests.append(request)
        if response := answer(request):
            writer.write(response)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def accept_of(request: bytes) -> str:
    key = next(line for line in request.decode().split("\r\n") if line.lower().startswith("sec-websocket-key"))
    return accept_key(key.partition(": ")[2])


def switching(extra: str = "", accept: str | None = None) -> Callable[[bytes], bytes]:
    return lambda request: (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept or accept_of(request)}\r\n{extra}\r\n"
    ).encode()


def constant(text: str) -> Callable[[bytes], bytes]:
    return lambda _: text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (constant("HTTP/1.1 403 Forbidden\nContent-Length: 6\n\nsecret"), "answered 403"),
        (constant("HTTP/1.1 302 Found\nLocation: http://127.0.0.1/admin\nContent-Length: 0\n\n"), "answered 302"),
        (constant("HTTP/1.1 200 OK\nContent-Length: 6\n\nsecret"), "answered 200"),
        (constant("SSH-2.0-secret\n\n"), "not a WebSocket handshake"),
        (switching(accept="c2VjcmV0"), "Sec-WebSocket-Accept is wrong"),
        (switching("Sec-WebSocket-Protocol: secret\r\n"), "subprotocol that was not offered"),
        (switching("Sec-WebSocket-Extensions: x-secret\r\n"), "extension that was not offered"),
        (constant("HTTP/1.1 101 Switching Protocols\nUpgrade: h2c\nConnection: Upgrade\n\n"), "not an upgrade"),
    ],
)
async def test_a_backend_that_refuses(gate: Gate, answer: Callable[[bytes], bytes], expected: str) -> None:
    async with bad_backend(answer) as (url, _):
        gate.world.put_api(url)
        await gate.caught_up()
        refused = await refusal(gate)
    assert slug(refused) == (502, "upstream_refused")
    assert expected in refused[1]["detail"]
    assert "secret" not in json.dumps(refused[1:])
    assert len(gate.pod.registry) == 0


async def test_a_backend_whose_connection_header_is_a_list_is_welcome(gate: Gate) -> None:
    def answer(request: bytes) -> bytes:
        return switching()(request).replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade")

    async with bad_backend(answer) as (url, _):
        gate.world.put_api(url)
        await gate.caught_up()
        client = await gate.connect()
        client.transport.abort()


async def test_a_backend_that_is_down(gate: Gate) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gate.world.put_api(f"ws://127.0.0.1:{taken.getsockname()[1]}")
        await gate.caught_up()
        assert slug(await refusal(gate)) == (502, "upstream_unreachable")


async def test_the_caller_hears_which_endpoint_failed_and_not_where_it_is(gate: Gate) -> None:
    async with bad_backend(constant("HTTP/1.1 403 Forbidden\nContent-Length: 0\n\n")) as (url, _):
        gate.world.put_api(url, sandbox=url)
        await gate.caught_up()
        sandbox = await refusal(gate, token=gate.world.issuer.token("sandbox-key"))
        production = await refusal(gate)
        assert (sandbox[1]["endpoint"], production[1]["endpoint"]) == ("sandbox", "production")
        assert url.rpartition(":")[2] not in json.dumps([sandbox[1], production[1]])
    assert "endpoint" not in (await refusal(gate, "/nothing/1.0"))[1]


async def test_the_next_url_answers_for_one_that_is_down(gate: Gate, backend: Backend) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        endpoints = {"production": {"urls": [dead, backend.url], "balance": "failover"}}
        gate.world.put_api(None, endpoints=endpoints)
        await gate.caught_up()
        async with gate.connect() as client:
            await client.send("name?")
            assert await client.recv() == "production"


async def test_a_backend_that_never_answers(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate.pod.gateway.dialler, "_handshake_seconds", 0.2)
    async with bad_backend(constant("")) as (url, requests):
        gate.world.put_api(url)
        await gate.caught_up()
        assert slug(await refusal(gate)) == (504, "upstream_timeout")
        await eventually(lambda: requests)


async def test_an_address_that_is_not_allowed(world: World, backend: Backend, redis_url: str) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, Settings(redis_url=redis_url, demo=False, drain_seconds=0)) as gate:
        assert slug(await refusal(gate)) == (502, "address_forbidden")
        assert backend.handshakes == []


async def test_a_pod_without_a_configuration(world: World, redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, demo=True, drain_seconds=0)
    async with run_pod(settings, Ports(port=0, ops_port=0)) as running:
        gate = Gate(running.pod, running.port, running.ops_port, world)
        assert slug(await refusal(gate)) == (503, "not_ready")


async def test_an_address_that_fails_too_often_has_to_wait(gate: Gate) -> None:
    answers: list[Answer] = []
    async with asyncio.timeout(20):
        while all(answer[0] == 401 for answer in answers):  # until so many fall into one second
            answers += await asyncio.gather(*(refusal(gate, token="rubbish") for _ in range(MOST_A_SECOND + 20)))
    refused = next(answer for answer in answers if answer[0] != 401)
    assert slug(refused) == (429, "too_many_requests")
    assert refused[2]["retry-after"] == "1"
    await eventually(partial(is_admitted, gate))


async def test_a_storm_is_told_to_come_back_at_different_times(world: World, backend: Backend, redis_url: str) -> None:
    world.put_tutorial(backend.url)
    settings = Settings(redis_url=redis_url, demo=True, drain_seconds=0.1, max_handshakes_per_second=10)
    async with run_gate(world, settings) as gate:
        answers = await asyncio.gather(*(attempt(gate) for _ in range(60)))
    refused = [answer for answer in answers if answer is not None]
    assert 10 <= 60 - len(refused) < 60
    assert {slug(answer) for answer in refused} == {(503, "overloaded")}
    assert len({answer[2]["retry-after"] for answer in refused}) > 1
