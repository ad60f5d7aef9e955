"""SIGTERM ends a pod in time, whatever its clients do."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from itertools import cycle

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from services.data_plane.drain import LAST_SECONDS
from tests.faults.installation import DRAIN_SECONDS, Installation, Pod
from tests.support.frames import client_frame
from tests.support.waiting import eventually, wait_until
from tests.support.wire import Wire, request, wire

pytestmark = pytest.mark.timeout(180)

IDLE, BUSY, DEAF = 10, 5, 3
STUCK_SECONDS = 0.5
LARGE = client_frame(2, bytes(60_000))
MOST_POURED = 4000


async def keep_busy(client: ClientConnection) -> None:
    """Send and hear until it is closed."""
    with suppress(ConnectionClosed):
        for number in cycle(range(10)):
            await client.send(str(number))
            assert await client.recv() == str(number)


async def pour(client: Wire) -> None:
    """Send without ever reading, until nothing more goes in."""
    for _ in range(MOST_POURED):
        client.send(LARGE)
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                await client.writer.drain()
        except TimeoutError:
            return
    raise AssertionError("somebody took it all")


async def deafen(pod: Pod, path: str, stack: AsyncExitStack) -> None:
    """Open connections to which everything is stuck, both ways."""
    clients = [await stack.enter_async_context(wire(pod.port)) for _ in range(DEAF)]
    for client in clients:
        client.send(request(path))
        assert (await client.head()).status == 101
    await asyncio.gather(*map(pour, clients))


async def is_draining(pod: Pod) -> bool:
    async with httpx.AsyncClient(trust_env=False) as ops:
        answer = await ops.get(f"{pod.health_url}/readyz")
    return (answer.status_code, answer.json().get("reason")) == (503, "draining")


async def test_sigterm_with_clients_that_idle_that_work_and_that_never_read(installation: Installation) -> None:
    api = installation.publish()
    with installation.another_pod("leaving") as pod:
        wait_until(lambda: pod.dial(api.path) == 101, within=30)
        async with AsyncExitStack() as stack:
            uri = f"ws://127.0.0.1:{pod.port}{api.path}"
            clients = [
                await stack.enter_async_context(connect(uri, proxy=None, ping_interval=None))
                for _ in range(IDLE + BUSY)
            ]
            await deafen(pod, api.path, stack)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            for client in clients[IDLE:]:
                group.create_task(keep_busy(client))
            began = time.monotonic()
            pod.program.terminate()
            await eventually(lambda: is_draining(pod))
            assert await asyncio.to_thread(pod.dial, api.path) == 503
            async with asyncio.timeout(DRAIN_SECONDS + LAST_SECONDS):
                await asyncio.gather(*(client.wait_closed() for client in clients))
            assert {(client.close_code, client.close_reason) for client in clients} == {(1012, "draining")}
            await eventually(lambda: pod.program.exit_code is not None, within=DRAIN_SECONDS + LAST_SECONDS)
            assert time.monotonic() - began < DRAIN_SECONDS + LAST_SECONDS
        assert pod.program.exit_code == 0
