"""Three pods as processes on one Redis let through what the limit says, and not one more, whatever happens to them.

Once; with `./run test throttle --rounds 10` ten times.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect

from cli.embedded import redis_server
from shared.limits import Limit, OnExceed, Policy, PolicyName
from tests.integration.data_plane.conftest import echo_backend
from tests.support.counting import CountingBackend, Sender, counting_backend
from tests.support.pod import PodProcess, pod_process
from tests.support.waiting import eventually
from tests.support.wire import request, wire
from tests.support.world import World

LIMIT = 1000
MESSAGES = 5000
CONNECTIONS = 30
SIZE = 64
LONG_SECONDS = 3600
SHORT_SECONDS = 3
CLOCK_SECONDS = 0.002
"""What reading Redis' clock from here may be wrong by."""

SLOTS = 50
DIALS = 100
BACK_SECONDS = 30
QUIET_SECONDS = 2.0
"""After so long without a message no more come: what lies idle in a pod is spent by another sooner."""

AWAY_SECONDS, LONG_AWAY_SECONDS = 1, 30
LAG_SECONDS = 0.1

pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Pods that share a Redis."""

    pods: Sequence[PodProcess]

    @property
    def world(self) -> World:
        return self.pods[0].world

    @property
    def authorization(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.world.issuer.token()}"

    async def limit(self, backend: str, limit: Limit, on_exceed: OnExceed = "drop") -> None:
        """Publish the tutorial's API with one limit, of its subscription, and wait until all pods know."""
        self.world.put_tutorial(backend)
        name = PolicyName("Small")
        policy = Policy(name=name, level="subscription", limits=(limit,), on_exceed=on_exceed, max_delay_seconds=60)
        self.world.put("policy", policy.id, policy)
        self.world.put_subscription(policy=name)
        await self.caught_up()

    async def caught_up(self) -> None:
        await eventually(lambda: all(pod.has(self.world.revision) for pod in self.pods), within=30)

    async def window(self, seconds: int, at_least: float) -> float:
        """Wait until Redis' window lasts for some time; return when it ends, by the monotonic clock."""

        def left() -> float:
            whole, micros = self.world.redis.time()
            return seconds - (whole + micros / 1e6) % seconds

        await eventually(lambda: left() >= at_least, within=seconds)
        return time.monotonic() + left()


@contextmanager
def fleet(redis_url: str, folder: Path, pods: int = 3, **settings: str) -> Iterator[Fleet]:
    """Run pods on a Redis that is empty."""
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    with ExitStack() as stack:
        started = []
        for index in range(pods):
            place = folder / str(index)
            place.mkdir(exist_ok=True)
            own = {"FRAMEGATE_DATA_PLANE_WORKERS": "1", "FRAMEGATE_DRAIN_SECONDS": "0", **settings}
            started.append(stack.enter_context(pod_process(redis_url, place, **own)))
        yield Fleet(started)


@asynccontextmanager
async def senders(running: Fleet, at_least: int) -> AsyncGenerator[None]:
    """Send from all connections until the block ends, and so many messages each at least; all are handled then."""
    enough = asyncio.Event()
    everyone = [
        Sender(running.pods[n % len(running.pods)].port, running.authorization, SIZE) for n in range(CONNECTIONS)
    ]
    async with asyncio.TaskGroup() as group:
        for one in everyone:
            group.create_task(one.send(enough, at_least))
        yield
        enough.set()


def kill_connections(redis: Redis) -> None:
    redis.client_kill_filter(_type="normal", skipme=True)


async def quiet(backend: CountingBackend) -> None:
    """Wait until no more messages come."""
    await eventually(lambda: time.monotonic() - backend.arrivals[-1] > QUIET_SECONDS, within=60)


@pytest.mark.parametrize(
    "limit",
    [
        Limit(amount=LIMIT, window_seconds=LONG_SECONDS),
        Limit(amount=LIMIT * SIZE, unit="bytes", window_seconds=LONG_SECONDS),
        Limit(amount=LIMIT * SIZE + SIZE - 1, unit="bytes", window_seconds=LONG_SECONDS),
    ],
    ids=["messages", "bytes", "bytes-with-a-rest"],
)
async def test_exactly_what_the_limit_says_passes(redis_url: str, tmp_path: Path, rounds: int, limit: Limit) -> None:
    for _ in range(rounds):
        with fleet(redis_url, tmp_path) as running:
            async with counting_backend() as backend:
                await running.limit(backend.url, limit)
                await running.window(LONG_SECONDS, at_least=60)
                async with senders(running, math.ceil(MESSAGES / CONNECTIONS)):
                    await backend.has(LIMIT)
            assert backend.count == LIMIT


async def test_what_is_delayed_goes_in_the_windows_that_follow(redis_url: str, tmp_path: Path, rounds: int) -> None:
    each = 75
    for _ in range(rounds):
        with fleet(redis_url, tmp_path) as running:
            async with counting_backend() as backend:
                await running.limit(backend.url, Limit(amount=LIMIT, window_seconds=SHORT_SECONDS), "delay")
                end = await running.window(SHORT_SECONDS, at_least=SHORT_SECONDS - 0.1)
                async with senders(running, each):
                    pass
            assert backend.count == each * CONNECTIONS
            arrivals = backend.arrivals
            for window in range(backend.count // LIMIT):
                last, first = arrivals[(window + 1) * LIMIT - 1], arrivals[(window + 1) * LIMIT]
                assert last < end + window * SHORT_SECONDS <= first + CLOCK_SECONDS


async def test_it_holds_while_a_pod_dies_and_scripts_and_connections_are_lost(
    redis_url: str, tmp_path: Path, rounds: int
) -> None:
    for _ in range(rounds):
        with fleet(redis_url, tmp_path) as running:
            async with counting_backend() as backend:
                await running.limit(backend.url, Limit(amount=LIMIT, window_seconds=LONG_SECONDS))
                await running.window(LONG_SECONDS, at_least=60)
                async with senders(running, math.ceil(MESSAGES / CONNECTIONS)):
                    await backend.has(LIMIT // 4)
                    running.pods[-1].process.kill()
                    await backend.has(LIMIT // 3)
                    running.world.redis.script_flush()
                    await backend.has(LIMIT // 2)
                    kill_connections(running.world.redis)
                    await quiet(backend)
            assert LIMIT // 2 < backend.count <= LIMIT, "what a pod had leased dies with it, and no more"


async def dial(running: Fleet, pod: PodProcess, stack: AsyncExitStack) -> int:
    """Return the status of a dial. What was accepted stays open."""
    client = await stack.enter_async_context(wire(pod.port))
    client.send(request("/echo/1.0", running.authorization))
    return (await client.head()).status


async def test_exactly_as_many_connections_as_there_are_slots(redis_url: str, tmp_path: Path, rounds: int) -> None:
    for _ in range(rounds):
        with fleet(redis_url, tmp_path) as running:
            async with counting_backend() as backend, AsyncExitStack() as stack:
                await running.limit(backend.url, Limit(unit="connections", amount=SLOTS, window_seconds=None))
                pods = [running.pods[index % len(running.pods)] for index in range(DIALS)]
                statuses = await asyncio.gather(*(dial(running, pod, stack) for pod in pods))
                assert Counter(statuses) == {101: SLOTS, 429: DIALS - SLOTS}

                *living, dead = running.pods
                lost = [status for pod, status in zip(pods, statuses, strict=True) if pod is dead].count(101)
                dead.process.kill()

                async def is_back(pod: PodProcess = living[0]) -> bool:
                    return await dial(running, pod, stack) == 101

                async with asyncio.timeout(BACK_SECONDS):
                    for _ in range(lost):
                        await eventually(is_back, within=BACK_SECONDS)
                assert await dial(running, living[1], stack) == 429


async def echo_times(client: ClientConnection, until: float) -> list[float]:
    """Return how long each echo took."""
    took = []
    while time.monotonic() < until:
        began = time.monotonic()
        await client.send("x")
        await asyncio.wait_for(client.recv(), 5)
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.005)
    return took


async def test_frames_flow_while_redis_is_paused(tmp_path: Path, rounds: int) -> None:
    away = AWAY_SECONDS if rounds == 1 else LONG_AWAY_SECONDS
    with redis_server() as url, fleet(url, tmp_path, pods=1) as running:
        (pod,) = running.pods
        async with AsyncExitStack() as stack:
            backend = await stack.enter_async_context(echo_backend())
            await running.limit(backend.url, Limit(amount=10**6, window_seconds=LONG_SECONDS))
            running.world.put_api(backend.url, id="free", context="/free", auth={"types": ["none"]})
            await running.caught_up()
            address, headers = f"ws://127.0.0.1:{pod.port}", dict([running.authorization])
            metered = await stack.enter_async_context(
                connect(f"{address}/echo/1.0", additional_headers=headers, proxy=None)
            )
            free = await stack.enter_async_context(connect(f"{address}/free/1.0", proxy=None))
            running.world.redis.client_pause(away * 1000)
            until = time.monotonic() + away + 1
            took_metered, took = await asyncio.gather(echo_times(metered, until), echo_times(free, until))
        assert max(took) < LAG_SECONDS
        assert max(took_metered) < 1, "a few questions without an answer, and it is decided without"
        assert pod.metric('framegate_throttle_decisions_without_redis_total{decision="allow"}') > 0
