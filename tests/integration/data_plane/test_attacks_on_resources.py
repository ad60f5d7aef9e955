"""Peers that take a pod's memory or its time: both are bounded, as seen from outside of its process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.frames import client_frame, frame
from tests.support.pod import PodProcess, pod_process
from tests.support.waiting import eventually
from tests.support.wire import Wire, accepting, request, wire, wire_backend

CONNECTIONS = 20
BYTES_EACH = 512 * 1024
"""What a stuck connection may take: a read and two write buffers, and what the system rounds up."""

PAYLOAD = bytes(32 * 1024)
STALLED_SECONDS = 1.0
FLOOD_BYTES = 1 << 28
DRAIN_SECONDS = 1
LAST_SECONDS = 10
"""For the close handshakes of those that never answer, and the end of the process."""

Serve = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def pod(redis_url: str, tmp_path: Path) -> Iterator[PodProcess]:
    """Run one worker, so that what it takes can be seen."""
    settings = {"FRAMEGATE_DATA_PLANE_WORKERS": "1", "FRAMEGATE_DRAIN_SECONDS": str(DRAIN_SECONDS)}
    with pod_process(redis_url, tmp_path, **settings) as running:
        yield running


@asynccontextmanager
async def served(serve: Serve) -> AsyncIterator[str]:
    """Run a backend that upgrades, does as it is told, and never reads."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(accepting()(await reader.readuntil(b"\r\n\r\n")))
            await serve(writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1024)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.transport.abort()


async def flood(writer: asyncio.StreamWriter, data: bytes) -> int:
    """Write until nothing more is taken for a while; return how much was."""
    sent = 0
    with suppress(TimeoutError):
        while sent < FLOOD_BYTES:
            writer.write(data)
            async with asyncio.timeout(STALLED_SECONDS):
                await writer.drain()
            sent += len(data)
    return sent


@asynccontextmanager
async def clients(pod: PodProcess) -> AsyncIterator[list[Wire]]:
    """Connect, and read no more than the 101."""
    opened = []
    for _ in range(CONNECTIONS):
        reader, writer = await asyncio.open_connection("127.0.0.1", pod.port, limit=1024)
        writer.write(request())
        opened.append(Wire(reader, writer))
    await eventually(lambda: pod.metric("framegate_connections_open") == CONNECTIONS, within=10)
    yield opened
    for client in opened:
        client.writer.transport.abort()


async def test_a_backend_that_floods_clients_that_never_read_is_held_back(pod: PodProcess) -> None:
    sent: list[int] = []

    async def flood_client(writer: asyncio.StreamWriter) -> None:
        sent.append(await flood(writer, frame(2, PAYLOAD)))

    async with served(flood_client) as backend:
        await asyncio.to_thread(pod.serve, backend)
        before = pod.resident_bytes()
        async with clients(pod):
            await eventually(lambda: len(sent) == CONNECTIONS, within=20)
            assert max(sent) < FLOOD_BYTES
            assert pod.resident_bytes() - before < CONNECTIONS * BYTES_EACH


async def test_clients_that_flood_a_backend_that_never_reads_are_held_back(pod: PodProcess) -> None:
    async def stand_still(writer: asyncio.StreamWriter) -> None:
        pass

    async with served(stand_still) as backend:
        await asyncio.to_thread(pod.serve, backend)
        before = pod.resident_bytes()
        async with clients(pod) as opened:
            sent = await asyncio.gather(*(flood(client.writer, client_frame(2, PAYLOAD)) for client in opened))
            assert max(sent) < FLOOD_BYTES
            assert pod.resident_bytes() - before < CONNECTIONS * BYTES_EACH


async def test_a_pod_ends_in_its_drain_time_whoever_is_stuck(pod: PodProcess) -> None:
    """A flood that nobody reads, peers that never answer a Close, a dial without an answer, and half a request."""
    flooded = asyncio.Event()

    async def flood_client(writer: asyncio.StreamWriter) -> None:
        await flood(writer, frame(2, PAYLOAD))
        flooded.set()

    async with served(flood_client) as flooding, wire_backend(lambda _: b"") as silent:
        await asyncio.to_thread(pod.serve, flooding)
        async with clients(pod), wire(pod.port) as half, wire(pod.port) as dialling:
            await asyncio.wait_for(flooded.wait(), 20)
            await asyncio.to_thread(pod.serve, silent.url)
            half.send(request().removesuffix(b"\r\n"))
            dialling.send(request())
            await eventually(lambda: silent.heads)
            pod.process.terminate()
            assert await asyncio.to_thread(pod.process.wait, DRAIN_SECONDS + LAST_SECONDS) == 0
    assert "Traceback" not in pod.log.read_text()
