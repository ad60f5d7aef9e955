"""Many clients behind something like a balancer: who is sent away comes back by a pod that is ready."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.faults.installation import Pod
from tests.support.frames import client_frame, frame
from tests.support.wire import Wire, request, wire

CHECK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5
TRY_SECONDS = 5.0

_CLOSE, _PING, _PONG = 8, 9, 10


class Crowd:
    """Clients that want in. `waits` holds how long each of them was out, each time."""

    def __init__(self, pods: Sequence[Pod], path: str, chance: random.Random) -> None:
        self._pods = pods
        self._path = path
        self._chance = chance
        self._ready: Sequence[Pod] = pods
        self.inside = 0
        self.waits: list[float] = []
        self.codes: Counter[int] = Counter()
        """Of the closes that they got; 0 for an end without one."""

    async def check(self) -> None:
        """Ask again and again who is ready, as a balancer does."""
        while True:
            answers = await asyncio.gather(*(asyncio.to_thread(pod.is_ready) for pod in self._pods))
            self._ready = [pod for pod, ready in zip(self._pods, answers, strict=True) if ready] or self._pods
            await asyncio.sleep(CHECK_SECONDS)

    async def live(self) -> None:
        """Be a client: in, and in again whenever sent away."""
        out_since = time.monotonic()
        while True:
            try:
                async with wire(self._chance.choice(self._ready).port) as client:
                    async with asyncio.timeout(TRY_SECONDS):
                        let_in = await self._get_in(client)
                    if let_in:
                        self.waits.append(time.monotonic() - out_since)
                        await self._stay(client)
                        out_since = time.monotonic()
            except (OSError, asyncio.IncompleteReadError):
                pass  # not let in: a port that is closed, or a pod that ended meanwhile
            await asyncio.sleep(self._chance.uniform(0, LONGEST_PAUSE_SECONDS))

    async def _get_in(self, client: Wire) -> bool:
        """Tell whether the pod and the backend behind it are there."""
        client.send(request(self._path))
        if (await client.head()).status != 101:
            return False
        client.send(client_frame(1, b"x"))
        return await client.reader.readexactly(3) == frame(1, b"x")

    async def _stay(self, client: Wire) -> None:
        self.inside += 1
        try:
            opcode, payload = await _read_frame(client)
            while opcode == _PING:
                client.send(client_frame(_PONG, payload))
                opcode, payload = await _read_frame(client)
            assert opcode == _CLOSE, "nobody says anything else"
            self.codes[int.from_bytes(payload[:2])] += 1
            client.send(client_frame(_CLOSE, payload))
            await client.writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            self.codes[0] += 1
        finally:
            self.inside -= 1


async def _read_frame(client: Wire) -> tuple[int, bytes]:
    """Return the opcode and payload of a short frame."""
    first, size = await client.reader.readexactly(2)
    return first & 0x0F, await client.reader.readexactly(size)


@asynccontextmanager
async def crowd(pods: Sequence[Pod], path: str, count: int, chance: random.Random) -> AsyncIterator[Crowd]:
    """Have so many clients connected until the context is left."""
    clients = Crowd(pods, path, chance)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(clients.check()), *(group.create_task(clients.live()) for _ in range(count))]
        yield clients
        for task in tasks:
            task.cancel()
