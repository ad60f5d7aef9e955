"""Hostile or broken backends: nothing of theirs reaches a client but frames behind a verified 101."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.data_plane.conftest import Backend, Gate
from tests.support.frames import client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import (
    Answer,
    Reply,
    Wire,
    WireBackend,
    accepting,
    always,
    exchange,
    request,
    wire,
    wire_backend,
)

INNER = b"GET /inner HTTP/1.1\r\nHost: backend.test\r\n\r\n"
SWITCHING = "HTTP/1.1 101 Switching Protocols"
UPGRADE = ("Upgrade: websocket", "Connection: Upgrade")
SECRET = b"s3cret"


def upgrade(gate: Gate, *headers: tuple[str, str]) -> bytes:
    return request("/echo/1.0", ("Authorization", f"Bearer {gate.world.issuer.token()}"), *headers)


@asynccontextmanager
async def behind(gate: Gate, reply: Reply) -> AsyncIterator[WireBackend]:
    """Put a backend by hand behind the API."""
    async with wire_backend(reply) as backend:
        gate.world.put_api(backend.url)
        await gate.caught_up()
        yield backend


@asynccontextmanager
async def upgraded(gate: Gate, *headers: tuple[str, str]) -> AsyncIterator[tuple[Answer, Wire]]:
    async with wire(gate.port) as client:
        client.send(upgrade(gate, *headers))
        head = await client.head()
        assert head.status == 101, head
        yield head, client


async def heard_close(backend: WireBackend) -> None:
    await eventually(lambda: backend.behind[0])
    assert backend.behind[0][0] == 0x88


# Answers that are no verified 101

REFUSALS: dict[str, Reply] = {
    "426 to what was an upgrade": always("HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 12"),
    "200 with the right accept": lambda head: accepting()(head).replace(b"101 Switching Protocols", b"200 OK"),
    "200 and a body": always("HTTP/1.1 200 OK", "Content-Length: 6", body=SECRET),
    "404 and an endless body": always("HTTP/1.1 404 Not Found", body=SECRET * 20_000),
    "101 without an accept": always(SWITCHING, *UPGRADE),
    "101 with an empty accept": accepting(accept=""),
    "101 with another's accept": accepting(accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    "101 with two accepts": accepting("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    "101 without an upgrade": lambda head: accepting()(head).replace(b"Upgrade: websocket\r\n", b""),
    "101 to another protocol": lambda head: accepting()(head).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "101 without a connection": lambda head: accepting()(head).replace(b"Connection: Upgrade\r\n", b""),
    "103 before the 101": lambda head: b"HTTP/1.1 103 Early Hints\r\nLink: </s3cret>\r\n\r\n" + accepting()(head),
    "100 before the 101": lambda head: b"HTTP/1.1 100 Continue\r\n\r\n" + accepting()(head),
    "a subprotocol": accepting("Sec-WebSocket-Protocol: s3cret"),
    "a subprotocol in another case": accepting("Sec-WebSocket-Protocol: CHAT"),
    "two subprotocols": accepting("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: other"),
    "subprotocols in a list": accepting("Sec-WebSocket-Protocol: chat, other"),
    "an extension": accepting("Sec-WebSocket-Extensions: x-s3cret"),
    "an extension twice": accepting("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
    "an unknown parameter": accepting("Sec-WebSocket-Extensions: permessage-deflate; x=s3cret"),
    "a parameter twice": accepting(
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_no_context_takeover"
    ),
    "an unasked window": accepting("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9"),
    "a line break in an extension": accepting("Sec-WebSocket-Extensions: permessage-deflate\rX-Injected: s3cret"),
    "a folded extension": accepting("Sec-WebSocket-Extensions: permessage-deflate;", " x=s3cret"),
    "a frame without any answer": lambda _: frame(1, SECRET),
    "another protocol": lambda _: b"SSH-2.0-s3cret\r\n\r\n",
    "two ways to end a body": accepting("Content-Length: 6", "Transfer-Encoding: chunked"),
    "HTTP/1.0": lambda head: accepting()(head).replace(b"HTTP/1.1", b"HTTP/1.0"),
}  # fmt: skip


OFFERS = (("Sec-WebSocket-Protocol", "chat, other"), ("Sec-WebSocket-Extensions", "permessage-deflate"))

NOT_YET = {"HTTP/1.0"}


async def refused(gate: Gate, why: str) -> None:
    """See to it that an answer is 502 to the client, and that nothing passes between client and backend."""
    async with behind(gate, REFUSALS[why]) as backend:
        answer = await exchange(gate.port, upgrade(gate, *OFFERS) + INNER)
        assert (answer.status, b"upstream_refused" in answer.rest) == (502, True), why
        assert SECRET not in answer.rest, why
        assert int(answer.get("content-length") or -1) == len(answer.rest), why
        await eventually(lambda: backend.ended)
        assert [bytes(more) for more in backend.behind] == [b""], why
        assert len(backend.heads) == 1, why


async def test_what_is_no_verified_101_is_502_and_the_connection_is_not_used_again(gate: Gate) -> None:
    for why in REFUSALS.keys() - NOT_YET:
        await refused(gate, why)
    await eventually(lambda: len(gate.pod.registry) == 0)


async def test_an_answer_in_an_older_http_is_502(gate: Gate) -> None:
    for why in NOT_YET:
        await refused(gate, why)


async def test_an_endless_head_is_502(gate: Gate) -> None:
    for endless in ("X-Long: " + "x" * 100_000, "X-Many: 1\r\n" * 5000 + "X-Last: 1"):
        async with behind(gate, accepting(endless)):
            assert (await exchange(gate.port, upgrade(gate))).status == 502


async def test_a_redirect_is_not_followed(gate: Gate, backend: Backend) -> None:
    port = backend.url.rpartition(":")[2]
    for code, location in ((301, "http"), (302, "http"), (303, "ws"), (307, "ws"), (308, "ws")):
        moved = always(f"HTTP/1.1 {code} Moved", f"Location: {location}://127.0.0.1:{port}/admin", "Content-Length: 0")
        async with behind(gate, moved):
            answer = await exchange(gate.port, upgrade(gate))
            assert (answer.status, answer.get("location")) == (502, None)
    assert backend.handshakes == []


async def test_a_request_for_credentials_is_not_answered_and_not_passed_on(gate: Gate) -> None:
    asking = always("HTTP/1.1 401 Unauthorized", 'WWW-Authenticate: Basic realm="backend"', "Content-Length: 0")
    async with behind(gate, asking) as backend:
        answer = await exchange(gate.port, upgrade(gate))
        assert (answer.status, answer.get("www-authenticate")) == (502, None)
        assert len(backend.heads) == 1


# A good 101 with more in it than there should be


async def test_headers_of_the_101_stay_between_gateway_and_backend(gate: Gate) -> None:
    extra = (
        *("Set-Cookie: session=s3cret", "Server: s3cret", "X-Powered-By: s3cret", "Keep-Alive: timeout=s3cret"),
        *("Location: /s3cret", "Access-Control-Allow-Origin: s3cret", "X-Connection-Id: s3cret"),
        "Content-Length: 6",
    )
    async with behind(gate, accepting(*extra)), upgraded(gate) as (answer, _):
        assert {name for name, _ in answer.headers} == {
            "upgrade",
            "connection",
            "sec-websocket-accept",
            "x-connection-id",
        }
        assert not any("s3cret" in value for _, value in answer.headers)


async def test_a_cookie_of_a_backend_reaches_nobody(gate: Gate) -> None:
    """Neither the client that it was meant for, nor the next connection to the same host."""
    async with behind(gate, accepting("Set-Cookie: session=s3cret; Path=/")) as backend:
        for number in range(3):
            async with upgraded(gate, ("Cookie", "mine=1")) as (answer, _):
                assert answer.get("set-cookie") is None
            assert len(backend.heads) == number + 1
        assert not [head for head in backend.heads if b"cookie" in head.lower()]


async def test_a_connection_header_that_is_a_list_is_welcome_in_any_case(gate: Gate) -> None:
    for connection in ("keep-alive, Upgrade", "upgrade", "UPGRADE,Keep-Alive", "Upgrade\r\nConnection: keep-alive"):
        async with behind(gate, accepting(connection=connection)), upgraded(gate) as (answer, _):
            assert answer.get("connection") == "Upgrade"


async def test_a_frame_in_one_breath_with_the_101_comes_right_behind_it(gate: Gate) -> None:
    said = frame(1, b"first") + frame(8, close_payload(1000))
    async with behind(gate, accepting(behind=said)), upgraded(gate) as (answer, client):
        client.send(client_frame(8, close_payload(1000)))
        assert answer.rest + await client.rest() == said


async def test_http_behind_the_101_is_a_broken_frame(gate: Gate) -> None:
    async with behind(gate, accepting(behind=b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + SECRET)) as backend:
        async with upgraded(gate) as (answer, client):
            client.send(client_frame(8, close_payload(1011)))
            assert answer.rest + await client.rest() == frame(8, close_payload(1011, b"upstream_protocol_error"))
        await heard_close(backend)


async def test_a_close_code_that_may_not_travel_does_not(gate: Gate) -> None:
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535):
        said = frame(8, close_payload(code))
        async with behind(gate, accepting(behind=said)) as backend, upgraded(gate) as (answer, client):
            client.send(client_frame(8, close_payload(1011)))
            heard = answer.rest + await client.rest()
            assert heard == frame(8, close_payload(1011, b"upstream_protocol_error")), code
            await heard_close(backend)


async def test_a_masked_frame_of_a_backend_goes_no_further(gate: Gate) -> None:
    async with behind(gate, accepting(behind=client_frame(1, SECRET))), upgraded(gate) as (answer, client):
        client.send(client_frame(8, close_payload(1011)))
        assert answer.rest + await client.rest() == frame(8, close_payload(1011, b"upstream_protocol_error"))
