"""A connection until its handshake is done, and what is left of it afterwards."""

import asyncio
import gc
import json
from contextlib import suppress
from pathlib import Path

import pytest

from services.data_plane import listener
from services.data_plane.listener import Exchange
from services.data_plane.pump import Pump
from services.data_plane.relay import Relay
from tests.integration.data_plane.conftest import Gate
from tests.integration.data_plane.test_refusals import UPGRADE, raw, refusal, slug
from tests.support.memory import living
from tests.support.waiting import eventually


def exchanges() -> int:
    gc.collect()
    return len(living(Exchange))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_an_open_connection_has_no_task_and_no_exchange(gate: Gate) -> None:
    clients = [await gate.connect() for _ in range(20)]
    assert [task for task in asyncio.all_tasks() if "Listener" in repr(task.get_coro())] == []
    assert exchanges() == 0
    for client in clients:
        await client.close()


async def test_rounds_of_connections_leave_nothing_behind(gate: Gate) -> None:
    async def rounds(count: int) -> None:
        for _ in range(count):
            async with gate.connect() as client:
                await client.send("x")
                await client.recv()
        await eventually(lambda: len(gate.pod.registry) == 0)

    await rounds(5)
    tasks, open_files, objects = len(asyncio.all_tasks()), descriptors(), exchanges()
    await rounds(100)
    # A leak would be of a hundred; a pool of connections may have grown by a few.
    await eventually(lambda: len(asyncio.all_tasks()) < tasks + 10)
    await eventually(lambda: descriptors() < open_files + 10)
    assert exchanges() <= objects


async def test_an_ended_connection_waits_for_no_garbage_collector(gate_of_each_relay: Gate, uncollected: None) -> None:
    gate = gate_of_each_relay
    async with gate.connect() as polite:
        await polite.send("x")
        await polite.recv()
    async with gate.connect() as rude:
        assert living(Relay)
        rude.transport.abort()
    await eventually(lambda: not living(Relay, Pump))


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a request and never answer it."""
    await reader.read(-1)
    writer.close()


async def test_a_client_that_leaves_during_the_dial_ends_the_dial(gate: Gate) -> None:
    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with server:
        gate.world.put_api(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await gate.caught_up()
        before = descriptors()
        _, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(
            (UPGRADE + f"Authorization: Bearer {gate.world.issuer.token()}\n\n").replace("\n", "\r\n").encode()
        )
        await eventually(lambda: descriptors() >= before + 4)  # client, pod's client, pod's backend, backend
        writer.transport.abort()
        await eventually(lambda: descriptors() <= before)
        assert exchanges() == 0


async def test_headers_that_are_too_large_are_431(gate: Gate) -> None:
    for extra in ("X-Long: " + "x" * 9000 + "\n", "X-Many: 1\n" * 200, "X-Big: " + "x" * 7000 + "\n" * 1):
        status, _, body = await raw(gate.port, UPGRADE + extra * (6 if "Big" in extra else 1) + "\n")
        assert (status, json.loads(body)["type"]) == (431, "/problems/headers_too_large")


async def test_what_is_not_http_is_400(gate: Gate) -> None:
    for rubbish in ("hello\n\n", "GET / HTTP/9.9\n\n", "GET / HTTP/1.1\nno colon\n\n"):
        status, _, body = await raw(gate.port, rubbish)
        assert (status, json.loads(body)["type"]) == (400, "/problems/malformed_upgrade")


async def test_a_client_that_is_slow_with_its_headers_is_dropped(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEADER_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    writer.write(b"GET /echo/1.0 HTTP/1.1\r\n")
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_head_in_small_pieces_is_read(gate: Gate) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    head = (UPGRADE + f"Authorization: Bearer {gate.world.issuer.token()}\n\n").replace("\n", "\r\n").encode()
    for start in range(0, len(head), 50):
        writer.write(head[start : start + 50])
        await writer.drain()
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 101 ")
    writer.close()


async def test_beyond_its_descriptors_a_pod_asks_to_come_back(gate: Gate) -> None:
    async with gate.connect():
        gate.pod.listener.capacity = 1
        answer = await refusal(gate)
        assert slug(answer) == (503, "overloaded")
        assert 1 <= int(answer[2]["retry-after"]) <= 10
    await eventually(lambda: len(gate.pod.registry) == 0)
    async with gate.connect() as client:
        await client.send("there is room again")
        assert await client.recv() == "there is room again"


async def test_who_comes_beyond_all_spare_places_is_dropped(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SPARE", 2)
    gate.pod.listener.capacity = 1
    silent = [await asyncio.open_connection("127.0.0.1", gate.port) for _ in range(3)]
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    for _, open_writer in [*silent, (reader, writer)]:
        open_writer.close()
