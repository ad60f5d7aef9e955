"""Rounds of connections that leave nothing behind: descriptors, tasks, objects and memory are as they were.

Ten thousand of them, times `--rounds`.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.integration.data_plane.conftest import Gate
from tests.support.frames import client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import accepting, request, wire

ROUNDS = 10_000
AT_ONCE = 8

GOODBYE = close_payload(1000)
SAID = client_frame(1, b"hello") + client_frame(8, GOODBYE)
HEARD = frame(1, b"hello") + frame(8, GOODBYE)

SLACK_BYTES = 4 << 20
"""What an allocator keeps for later. A kilobyte of each round would be more."""


class Answering(asyncio.Protocol):
    """A backend that says the same to everybody who says anything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.head = b""
        self.accepted = False

    def data_received(self, data: bytes) -> None:
        if not self.accepted:
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if end:
                self.accepted = True
                self.transport.write(accepting()(head + end))
        if self.accepted and data:
            self.transport.write(HEARD)


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def one_round(port: int, number: int) -> None:
    """Connect and leave, in each of the ways that there are."""
    async with wire(port) as client:
        match number % 5:
            case 0:  # is refused
                client.send(request("/nothing/1.0"))
                assert b"404" in await client.rest()
            case 1:  # breaks a rule
                client.send(request() + frame(1, b"unmasked"))
                await client.head()
                await client.rest()
            case 2:  # hangs up
                client.send(request())
                await client.head()
            case _:  # goes in good order
                client.send(request() + SAID)
                assert (await client.rest()).endswith(HEARD)


async def rounds_of(port: int, count: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def take(number: int) -> None:
        async with turns:
            await one_round(port, number)

    for start in range(0, count, 200):
        async with asyncio.TaskGroup() as group:
            for number in range(start, min(start + 200, count)):
                group.create_task(take(number))


@dataclass(frozen=True, slots=True)
class Left:
    """What there is when no connection is open."""

    tasks: int
    descriptors: int
    objects: int
    resident_bytes: int

    @classmethod
    def count(cls) -> "Left":
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            tasks=len(asyncio.all_tasks()),
            descriptors=len(list(Path("/proc/self/fd").iterdir())),
            objects=len(gc.get_objects()),
            resident_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        )


@pytest.mark.timeout(1200)
async def test_ten_thousand_rounds_leave_nothing_behind(gate: Gate, rounds: int) -> None:
    async with answering() as backend:
        gate.world.put_api(backend, auth={"types": ["none"]})
        await gate.caught_up()

        async def go(count: int) -> Left:
            await rounds_of(gate.port, count)
            await eventually(lambda: len(gate.pod.registry) == 0, within=10)
            return Left.count()

        before = await go(ROUNDS // 10)
        after = await go(ROUNDS * rounds)
    assert after.tasks <= before.tasks + AT_ONCE
    assert after.descriptors <= before.descriptors + AT_ONCE
    assert after.objects <= before.objects + ROUNDS // 10, "one of each round would be more"
    assert after.resident_bytes <= before.resident_bytes + SLACK_BYTES
