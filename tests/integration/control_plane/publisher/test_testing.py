"""The endpoint test, against real servers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.publisher import testing
from services.control_plane.publisher.addresses import AddressChecker
from services.control_plane.publisher.backend_secrets import BackendAccess
from services.control_plane.publisher.testing import EndpointTester
from shared.addresses import AddressPolicy
from shared.backend_tls import make_context
from shared.definition import Endpoint, Endpoints
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.support.certificate import make_certificate, server_context

PLAIN = BackendAccess(make_context(None, None), {})
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@asynccontextmanager
async def raw_server(answer: bytes | None) -> AsyncIterator[str]:
    """Answer every request with these bytes, or never, and yield the URL."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"


async def try_url(
    url: str, policy: AddressPolicy | None = None, access: BackendAccess = PLAIN
) -> tuple[str | None, int | None]:
    """Return the error and the status of one endpoint."""
    bulkhead = Bulkhead(1, 0)
    tester = EndpointTester(AddressChecker(policy or AddressPolicy.parse("127.0.0.0/8", ""), bulkhead), bulkhead)
    (result,) = await asyncio.to_thread(tester.test, Endpoints(production=Endpoint(urls=(url,))), access)
    assert result.ok == (result.error is None)
    return result.error, result.status


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@on_sqlite
async def test_a_working_endpoint_is_reported_beside_a_dead_one(platform: Platform) -> None:
    async with serve(echo, "127.0.0.1", 0) as server, raw_server(b"HTTP/1.1 401 Unauthorized\r\n\r\n") as refusing:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        api = await platform.make_api(endpoints={"production": {"urls": [url]}, "sandbox": {"urls": [refusing]}})
        answer = await platform.made(f"/publisher/v1/apis/{api['id']}/endpoints/test", {}, 200)
    working, refused = answer["results"]
    assert (working["environment"], working["url"], working["ok"], working["status"]) == ("production", url, True, 101)
    assert working["latency_ms"] > 0
    assert (refused["environment"], refused["ok"], refused["status"]) == ("sandbox", False, 401)
    assert refused["error"] == "handshake_refused"


@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "handshake_refused", 302),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "handshake_refused", 200),
        (b"SSH-2.0-OpenSSH_9\r\n", "handshake_refused", None),
        (b"", "handshake_refused", None),
        (SWITCHING + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n", "bad_accept", None),
        (SWITCHING + b"\r\n", "bad_accept", None),
    ],
    ids=["redirect", "plain page", "another protocol", "nothing", "wrong accept", "no accept"],
)
async def test_answers_that_are_no_handshake(answer: bytes, error: str, status: int | None) -> None:
    async with raw_server(answer) as url:
        assert await try_url(url) == (error, status)


async def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert await try_url(f"ws://127.0.0.1:{port}") == ("connection_refused", None)


async def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "HANDSHAKE_SECONDS", 0.2)
    async with raw_server(None) as url:
        assert await try_url(url) == ("timeout", None)


async def test_plain_text_where_tls_was_promised() -> None:
    async with raw_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        error, _ = await try_url(url.replace("ws://", "wss://"))
    assert error == "tls_failed"


async def test_a_name_without_an_address() -> None:
    assert await try_url("ws://backend.invalid") == ("name_not_resolved", None)


async def test_an_address_that_is_forbidden_is_not_dialled() -> None:
    async with raw_server(b"") as url:
        assert await try_url(url, AddressPolicy()) == ("address_forbidden", None)


@pytest.mark.parametrize(
    ("host", "known", "error"),
    [("localhost", True, None), ("localhost", False, "tls_failed"), ("other.test", True, "tls_failed")],
)
async def test_a_certificate_is_held_against_the_authority_and_the_name(
    tmp_path: Path, host: str, known: bool, error: str | None
) -> None:
    certificate = make_certificate(tmp_path, host, "192.0.2.1")
    access = BackendAccess(make_context(certificate.cert.read_text() if known else None, None), {})
    async with serve(echo, "127.0.0.1", 0, ssl=server_context(certificate)) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await try_url(f"wss://localhost:{port}", access=access))[0] == error


@on_sqlite
async def test_the_gateway_proves_who_it_is(platform: Platform, tmp_path: Path) -> None:
    certificate, mine = make_certificate(tmp_path / "server"), make_certificate(tmp_path / "client", "gateway")
    headers: list[Headers] = []

    def remember(_: ServerConnection, request: Request) -> None:
        headers.append(request.headers)

    async with serve(
        echo, "127.0.0.1", 0, ssl=server_context(certificate, trusts=mine), process_request=remember
    ) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        api = await platform.make_api(
            endpoints={"production": {"urls": [url]}},
            ca_certificate=certificate.cert.read_text(),
            client_certificate=mine.both.read_text(),
            backend_credentials={"username": "gate", "password": "secret"},
            set_headers={"X-Tenant": "7"},
        )
        (result,) = (await platform.made(f"/publisher/v1/apis/{api['id']}/endpoints/test", {}, 200))["results"]
    assert result["ok"], result
    assert headers[0]["Authorization"] == "Basic Z2F0ZTpzZWNyZXQ="
    assert headers[0]["X-Tenant"] == "7"
