"""Who the client is, by the word of a balancer: in the PROXY protocol, or in X-Forwarded-For."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.data_plane import acceptor
from services.data_plane.settings import Settings
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_listener import descriptors
from tests.integration.data_plane.test_tls import trusting
from tests.support.certificate import Certificate, make_certificate
from tests.support.proxy import LOCAL, proxy_header
from tests.support.waiting import eventually
from tests.support.world import World

CLIENT = "198.51.100.7"


@pytest.fixture
def behind(pod_settings: Settings) -> Settings:
    return pod_settings.model_copy(update={"trusted_proxies": "127.0.0.1", "proxy_protocol": True})


@asynccontextmanager
async def connected(
    port: int, first: bytes, gate: Gate, headers: Mapping[str, str] | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    """Say something ahead of the handshake; the rest is as always."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", port)) as opened:
        opened.setblocking(False)
        await loop.sock_sendall(opened, first)
        sent = {"Authorization": f"Bearer {gate.world.issuer.token()}", **(headers or {})}
        scheme = "wss" if "ssl" in options else "ws"
        uri = f"{scheme}://localhost:{port}/echo/1.0"
        async with connect(uri, sock=opened, additional_headers=sent, proxy=None, **options) as client:
            yield client


async def is_closed(port: int, first: bytes) -> bool:
    """Tell whether the pod closes a connection that begins so, without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    try:
        with suppress(ConnectionError):
            return await asyncio.wait_for(reader.read(), 5) == b""
        return True
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def refused(gate: Gate, cause: str) -> float:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
        lines = (await ops.get("/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith(f'framegate_connections_refused_total{{cause="{cause}"}}')]
    return float(found[0].split()[-1]) if found else 0.0


async def test_the_client_is_the_one_that_the_balancer_names(world: World, backend: Backend, behind: Settings) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate, connected(gate.port, proxy_header(CLIENT), gate) as client:
        await client.send("through")
        assert await client.recv() == "through"
        assert backend.request.headers["X-Forwarded-For"] == CLIENT
        assert [connection.address for connection in gate.pod.registry.all()] == [CLIENT]


async def test_a_header_in_pieces_and_the_request_with_it(world: World, backend: Backend, behind: Settings) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        data = proxy_header("2001:db8::7", extensions=b"\x04\x00\x01x") + request
        for start in range(0, len(data), 7):
            writer.write(data[start : start + 7])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 426 ")
        writer.close()


async def test_a_balancer_that_connects_for_itself_is_the_client(
    world: World, backend: Backend, behind: Settings
) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate, connected(gate.port, LOCAL, gate):
        assert backend.request.headers["X-Forwarded-For"] == "127.0.0.1"


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        proxy_header(CLIENT)[:12] + b"\0" * 4,
    ],
)
async def test_what_begins_otherwise_is_closed_without_an_answer(
    world: World, backend: Backend, behind: Settings, first: bytes
) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate:
        assert await is_closed(gate.port, first)
        assert await refused(gate, "proxy_header") == 1


async def test_a_header_of_somebody_who_is_not_trusted_is_refused(
    world: World, backend: Backend, behind: Settings
) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind.model_copy(update={"trusted_proxies": "10.0.0.0/8"})) as gate:
        assert await is_closed(gate.port, proxy_header(CLIENT))
        assert await refused(gate, "proxy_header") == 1


async def test_a_header_that_does_not_come_is_not_waited_for(
    world: World, backend: Backend, behind: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "PROXY_SECONDS", 0.2)
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate:
        assert await is_closed(gate.port, proxy_header(CLIENT)[:20])
        assert await refused(gate, "proxy_header") == 1


async def test_the_header_stands_ahead_of_tls(world: World, backend: Backend, behind: Settings, tmp_path: Path) -> None:
    world.put_tutorial(backend.url)
    files: Certificate = make_certificate(tmp_path)
    settings = behind.model_copy(update={"tls_cert": files.cert, "tls_key": files.key})
    async with run_gate(world, settings) as gate:
        assert gate.tls_port
        async with connected(gate.tls_port, proxy_header(CLIENT), gate, ssl=trusting(files)) as client:
            await client.send("through")
            assert await client.recv() == "through"
        assert backend.request.headers["X-Forwarded-For"] == CLIENT
        assert backend.request.headers["X-Forwarded-Proto"] == "https"


async def test_refused_and_lost_connections_leave_nothing(world: World, backend: Backend, behind: Settings) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, behind) as gate:
        before = descriptors()
        for _ in range(20):
            assert await is_closed(gate.port, b"x" * 16)
            _, writer = await asyncio.open_connection("127.0.0.1", gate.port)
            writer.transport.abort()
        await eventually(lambda: descriptors() <= before + 2)


@pytest.mark.parametrize(("trusted", "address"), [("127.0.0.1", CLIENT), ("", "127.0.0.1")])
async def test_x_forwarded_for_is_believed_of_trusted_proxies_alone(
    world: World, backend: Backend, pod_settings: Settings, trusted: str, address: str
) -> None:
    world.put_tutorial(backend.url)
    said = {"X-Forwarded-For": f"6.6.6.6, {CLIENT}", "X-Forwarded-Proto": "https"}
    async with (
        run_gate(world, pod_settings.model_copy(update={"trusted_proxies": trusted})) as gate,
        gate.connect(headers=said),
    ):
        assert [connection.address for connection in gate.pod.registry.all()] == [address]
        told = backend.request.headers
        assert told["X-Forwarded-For"] == (f"6.6.6.6, {CLIENT}, 127.0.0.1" if trusted else "127.0.0.1")
        assert told["X-Forwarded-Proto"] == ("https" if trusted else "http")
