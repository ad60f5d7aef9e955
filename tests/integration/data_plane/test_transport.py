"""What detaching a connection relies on of aiohttp: when this fails, aiohttp has changed."""

import asyncio
import gc
from pathlib import Path

from aiohttp.web_protocol import RequestHandler

from tests.integration.data_plane.conftest import Gate
from tests.support.waiting import eventually


def handlers() -> int:
    gc.collect()
    return sum(isinstance(item, RequestHandler) for item in gc.get_objects())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_aiohttp_keeps_nothing_of_an_open_connection(gate: Gate) -> None:
    async with gate.connect() as warm_up:
        await warm_up.send("x")
        await warm_up.recv()
    await eventually(lambda: len(gate.pod.registry) == 0)
    before = handlers()
    clients = [await gate.connect() for _ in range(20)]
    gateway_tasks = [task for task in asyncio.all_tasks() if "RequestHandler" in repr(task.get_coro())]
    assert gateway_tasks == []
    assert handlers() == before
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
    tasks, open_files, objects = len(asyncio.all_tasks()), descriptors(), handlers()
    await rounds(100)
    # A leak would be of a hundred; a pool of connections may have grown by a few.
    await eventually(lambda: len(asyncio.all_tasks()) < tasks + 10)
    await eventually(lambda: descriptors() < open_files + 10)
    assert handlers() <= objects


async def test_a_client_that_leaves_during_the_dial_leaves_nothing(gate: Gate) -> None:
    """The backend never answers; the client gives up first."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        gate.world.put_api(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await gate.caught_up()
        before = descriptors()
        dialling = asyncio.ensure_future(gate.connect().__aenter__())
        await eventually(lambda: descriptors() >= before + 3)
        dialling.cancel()
        await asyncio.wait([dialling])
    gate.pod.gateway.dialler._handshake_seconds = 0.1
    assert len(gate.pod.registry) == 0
