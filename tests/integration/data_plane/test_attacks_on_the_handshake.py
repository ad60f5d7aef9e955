"""Hostile requests: refused whole, or made harmless before the backend sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.data_plane import listener
from tests.integration.data_plane.conftest import Backend, Gate
from tests.support.frames import client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import Answer, Wire, WireBackend, accepting, exchange, request, status_of, wire, wire_backend

NEXT = b"GET /echo/1.0/next HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


def bearer(gate: Gate) -> tuple[str, str]:
    return "Authorization", f"Bearer {gate.world.issuer.token()}"


@asynccontextmanager
async def backend_behind(gate: Gate, *answer: str, base: str = "") -> AsyncIterator[WireBackend]:
    """Put a backend by hand behind the API."""
    async with wire_backend(accepting(*answer)) as backend:
        gate.world.put_api(backend.url + base)
        await gate.caught_up()
        yield backend


@asynccontextmanager
async def upgraded(gate: Gate, data: bytes) -> AsyncIterator[tuple[Answer, Wire]]:
    """Upgrade with a request by hand."""
    async with wire(gate.port) as client:
        client.send(data)
        head = await client.head()
        assert head.status == 101, head
        yield head, client


# Upgrades that are none


async def test_any_version_but_13_is_told_which_one_is_spoken(gate: Gate, backend: Backend) -> None:
    for versions in (["7"], ["8"], ["12"], ["14"], [""], ["013"], ["13, 8"], ["13", "8"], ["13", "13"], []):
        headers = (("Sec-WebSocket-Version", version) for version in versions)
        data = request("/echo/1.0", bearer(gate), *headers, without=("Sec-WebSocket-Version",))
        answer = await exchange(gate.port, data)
        assert (answer.status, answer.get("sec-websocket-version")) == (426, "13"), versions
        assert answer.get("upgrade") == "websocket", versions
    assert backend.handshakes == []


BODIES = (
    (("Content-Length", "4"),),
    (("Transfer-Encoding", "chunked"),),
    (("Transfer-Encoding", "chunked"), ("Content-Length", "4")),
    (("Transfer-Encoding", "identity"),),
    (("Transfer-Encoding", "xchunked"),),
    (("Content-Length", "4"), ("Content-Length", "0")),
    (("Content-Length", "+0"),),
    (("Content-Length", "0x0"),),
    (("Content-Length", "-1"),),
)


async def test_a_handshake_has_no_body(gate: Gate, backend: Backend) -> None:
    for body in BODIES:
        answer = await exchange(gate.port, request("/echo/1.0", bearer(gate), *body) + b"0\r\n\r\n" + NEXT)
        assert (answer.status, b"HTTP/1.1" in answer.rest) == (400, False), body
    assert backend.handshakes == []


async def test_a_key_is_16_bytes_in_base64(gate: Gate) -> None:
    good = "dGhlIHNhbXBsZSBub25jZQ=="
    for key in ("", "short", good.removesuffix("=="), "dGhlIHNhbXBsZSBub25jZWU=", f"{good}, x", "é" * 24):
        assert (await exchange(gate.port, request("/echo/1.0", ("Sec-WebSocket-Key", key)))).status == 400, key


async def test_what_may_stand_once_only(gate: Gate) -> None:
    for name in ("Host", "Sec-WebSocket-Key", "Authorization", "Origin", "X-API-Key"):
        value = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}.get(name, "same")
        assert (await exchange(gate.port, request("/echo/1.0", (name, value), (name, value)))).status == 400, name


async def test_two_credentials_in_any_two_places(gate: Gate) -> None:
    token = gate.world.issuer.token()
    places = (
        ("Authorization", f"Bearer {token}"),
        ("Sec-WebSocket-Protocol", f"chat, bearer.{token}"),
        ("X-API-Key", token),
    )
    for first in places:
        for second in places:
            if first is not second:
                answer = await exchange(gate.port, request("/echo/1.0", first, second))
                assert (answer.status, b"ambiguous_credentials" in answer.rest) == (400, True)
    twice = ("Sec-WebSocket-Protocol", f"bearer.{token}, chat, bearer.{token}")
    assert (await exchange(gate.port, request("/echo/1.0", twice))).status == 400


# Smuggling: what comes behind a request is never another request


REFUSED = {
    426: request("/echo/1.0", ("Sec-WebSocket-Version", "12")),
    401: request(),
    404: request("/nothing/1.0"),
    405: request(method="POST"),
    400: request("/echo/1.0", ("Sec-WebSocket-Key", "x")),
    431: request("/echo/1.0", ("X-Long", "x" * 9000)),
}


async def test_behind_a_refused_request_nothing_is_read(gate: Gate, backend: Backend) -> None:
    for status, data in REFUSED.items():
        for behind in (NEXT, request("/echo/1.0/next", bearer(gate)), client_frame(1, b"hello")):
            async with wire(gate.port) as client:
                client.send(data + behind)
                answer = Answer.parse(await client.rest())
                client.send(behind)
            assert (answer.status, answer.get("connection")) == (status, "close")
            assert int(answer.get("content-length") or -1) == len(answer.rest), "one answer, and no more"
    assert backend.handshakes == []


async def test_behind_what_is_no_upgrade_nothing_is_read_either(gate: Gate, backend: Backend) -> None:
    for data in (request(without=("Upgrade",)), request(without=("Connection",)), b"nothing like HTTP\r\n\r\n"):
        for behind in (NEXT, request("/echo/1.0/next", bearer(gate)), client_frame(1, b"hello")):
            answer = await exchange(gate.port, data + behind)
            assert answer.status in {400, 426}
            assert int(answer.get("content-length") or -1) == len(answer.rest), "one answer, and no more"
    assert backend.handshakes == []


async def test_behind_an_accepted_upgrade_another_request_is_a_broken_frame(gate: Gate) -> None:
    async with backend_behind(gate) as backend:
        async with upgraded(gate, request("/echo/1.0", bearer(gate)) + NEXT) as (_, client):
            assert await client.rest() == frame(8, close_payload(1002, b"protocol_error"))
        await eventually(lambda: backend.behind[0])
        assert len(backend.heads) == 1
        assert (backend.behind[0][0], len(backend.behind[0])) == (0x88, 2 + 4 + 2), "a Close, and nothing else"


# What reaches the backend


async def test_hop_by_hop_headers_and_those_named_by_connection_stay_here(gate: Gate) -> None:
    hop_by_hop = (
        ("Connection", "keep-alive, X-Named, Upgrade"),
        ("Connection", "x-also-named"),
        ("X-Named", "1"),
        ("X-Also-Named", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic c2VjcmV0"),
        ("Proxy-Authenticate", "Basic"),
        ("Proxy-Connection", "keep-alive"),
        ("TE", "trailers"),
        ("Trailer", "X-Late"),
        ("Expect", "100-continue"),
    )
    async with backend_behind(gate) as backend, upgraded(gate, request("/echo/1.0", bearer(gate), *hop_by_hop)):
        kept = {name for name, _ in backend.headers}
        assert not kept & {name.lower() for name, _ in hop_by_hop} - {"connection"}
        assert backend.all("connection") == ["Upgrade"]


async def test_connection_can_not_take_away_what_the_gateway_says(gate: Gate) -> None:
    named = ("Connection", "Upgrade, X-Forwarded-For, X-Consumer-Application, X-Request-Id, Host, Sec-WebSocket-Key")
    async with backend_behind(gate) as backend, upgraded(gate, request("/echo/1.0", bearer(gate), named)):
        for name in ("x-forwarded-for", "x-consumer-application", "x-request-id", "host", "sec-websocket-key"):
            assert len(backend.all(name)) == 1, name


FORGED = [
    "X-Forwarded-For", "X_Forwarded_For", "X.Forwarded.For", "x-forwarded_for", "X-Forwarded.Host",
    "X-Forwarded-Proto", "X_FORWARDED_PROTO", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X_Real_IP",
    "X-Request-Id", "X_Request_Id", "traceparent", "X-Consumer-Application", "X_Consumer.Application",
    "X-JWT-Assertion", "X.JWT.Assertion",
]  # fmt: skip


async def test_a_forged_header_of_the_gateways_own_goes_nowhere(gate: Gate) -> None:
    forged = [(name, value) for name in FORGED for value in ("forged", "forged too")]
    async with backend_behind(gate) as backend, upgraded(gate, request("/echo/1.0", bearer(gate), *forged)):
        assert "forged" not in backend.heads[0].decode("latin-1")
        assert backend.all("x-forwarded-for") == ["127.0.0.1"]
        assert backend.all("x-forwarded-proto") == ["http"]
        assert backend.all("x-forwarded-host") == ["gateway.test"]


async def test_no_forwarded_header_of_a_client_is_believed(gate: Gate) -> None:
    names = ("X-Forwarded-User", "X-Forwarded-Prefix", "X-Forwarded-Client-Cert", "X_Forwarded_Scheme")
    data = request("/echo/1.0", bearer(gate), *((name, "forged") for name in names))
    async with backend_behind(gate) as backend, upgraded(gate, data):
        assert "forged" not in backend.heads[0].decode("latin-1")


async def test_credentials_and_aliases_of_them_go_nowhere(gate: Gate) -> None:
    token = gate.world.issuer.token()
    sent = (
        ("Sec-WebSocket-Protocol", f"chat, bearer.{token}"),
        ("Cookie", "session=secret"),
        ("Cookie_", "kept=1"),
        ("X_API_Key", "secret"),
        ("X.Api.Key", "secret"),
        ("Sec_WebSocket_Protocol", "secret"),
        ("Sec-WebSocket_Extensions", "secret"),
    )
    async with backend_behind(gate) as backend, upgraded(gate, request("/echo/1.0", *sent)):
        head = backend.heads[0].decode("latin-1")
        assert token not in head
        assert "secret" not in head
        assert backend.all("sec-websocket-protocol") == ["chat"]
        assert backend.all("cookie_") == ["kept=1"]


INJECTED = [
    "\r\nX-Injected: 1",
    "\nX-Injected: 1",
    "\rX-Injected: 1",
    "\r\n\r\nGET /inner HTTP/1.1",
    "\0",
    "\r\n folded",
]


EXPECTED = {
    "host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol",
    "sec-websocket-extensions", "origin", "x-custom", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-request-id", "x-consumer-application",
}  # fmt: skip


def inject(injected: str, token: tuple[str, str]) -> dict[str, bytes]:
    """Return requests that have it in one place each."""
    headers = {
        "subprotocol": ("Sec-WebSocket-Protocol", f"chat{injected}"),
        "extensions": ("Sec-WebSocket-Extensions", f"permessage-deflate{injected}"),
        "header": ("X-Custom", f"a{injected}"),
        "origin": ("Origin", f"https://a.test{injected}"),
        "host": ("Host", f"gateway.test{injected}"),
        "name": (f"X-Custom{injected}", "a"),
    }
    return {
        "path": request(f"/echo/1.0/a{injected}", token),
        "query": request(f"/echo/1.0?a={injected}", token),
    } | {place: request("/echo/1.0", token, header) for place, header in headers.items()}


@pytest.mark.parametrize("injected", INJECTED, ids=repr)
async def test_nothing_can_be_injected_into_the_backends_request(gate: Gate, injected: str) -> None:
    """The backend hears of it nothing, or one request with headers that the client could have sent as well."""
    for place, data in inject(injected, bearer(gate)).items():
        async with backend_behind(gate) as backend, wire(gate.port) as client:
            client.send(data)
            status = (await client.head()).status
            assert status in {101, 400, 426}, place
            assert len(backend.heads) == (status == 101), place
            for head in backend.heads:
                lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
                assert not any(set(line) & {0, 10, 13} for line in lines), place
                assert {name for name, _ in backend.headers} <= EXPECTED | {"x-injected"}, place


async def test_what_is_escaped_in_a_path_stays_escaped(gate: Gate) -> None:
    rest = "/a%0d%0aX-Injected:%201/...//%2F%00/%c3%28/;a?q=%0D%0A&%26=../.."
    async with backend_behind(gate, base="/base") as backend, upgraded(gate, request(f"/echo/1.0{rest}", bearer(gate))):
        assert backend.request_line == f"GET /base{rest} HTTP/1.1"


async def test_a_path_can_not_climb_out_of_its_endpoint(gate: Gate) -> None:
    async with backend_behind(gate, base="/base") as backend:
        for rest in ("/..", "/../secret", "/a/../../secret", "/.", "/%2e%2e/secret", "/.%2E/secret", "/a/%2E"):
            assert await status_of(gate.port, request(f"/echo/1.0{rest}", bearer(gate))) == 400, rest
        assert backend.heads == []


async def test_a_path_can_not_climb_by_escaped_slashes(gate: Gate) -> None:
    async with backend_behind(gate, base="/base") as backend:
        for rest in ("/..%2fsecret", "/a%2F..%2F..%2Fsecret", "/..%5csecret", "/..\\secret", "/..;/secret", "/..;a=1"):
            assert await status_of(gate.port, request(f"/echo/1.0{rest}", bearer(gate))) == 400, rest
        assert backend.heads == []


async def test_a_target_that_is_no_path_reaches_no_api(gate: Gate, backend: Backend) -> None:
    for target in (
        "http://gateway.test/echo/1.0",
        "ws://a.test/echo/1.0",
        "*",
        "a.test:80",
        "//echo/1.0",
        "/echo%2F1.0",
    ):
        answer = await exchange(gate.port, request(target, bearer(gate)))
        assert answer.status in {400, 404}, target
    assert backend.handshakes == []


# Slow and large ones


async def test_a_head_that_comes_byte_by_byte_has_a_deadline(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.3)
    began = asyncio.get_running_loop().time()
    async with wire(gate.port) as client:
        ended = asyncio.ensure_future(client.rest())
        for byte in request("/echo/1.0", ("X-Slow", "x" * 200)):
            client.send(bytes((byte,)))
            done, _ = await asyncio.wait([ended], timeout=0.02)
            if done:
                break
        assert await ended == b""
    assert asyncio.get_running_loop().time() - began < 2


async def test_a_head_without_end_is_cut_off(gate: Gate) -> None:
    for endless in (b"X-Long: " + b"x" * 1000, b"x" * 1000, b"X-Short: 1\r\n" * 80):
        async with wire(gate.port) as client:
            client.send(request("/echo/1.0").removesuffix(b"\r\n"))
            ended = asyncio.ensure_future(client.rest())
            sent = 0
            while not ended.done():
                client.send(endless)
                sent += len(endless)
                assert sent < 1 << 20, "it would read for ever"
                await asyncio.wait([ended], timeout=0.001)
            assert Answer.parse(await ended).status in {400, 431}
