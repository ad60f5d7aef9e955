"""Message limits: exact over all pods, and what happens beyond them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from typing import Any, Literal

import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from cli.embedded import redis_server
from services.data_plane.settings import Settings
from services.data_plane.throttle.leases import IDLE_SECONDS, SWEEP_SECONDS
from shared.limits import OnExceed
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.redis import on_each_redis
from tests.support.waiting import eventually
from tests.support.world import World


@pytest.fixture
def gate(gate_of_each_relay: Gate) -> Gate:
    return gate_of_each_relay


def seconds_left(world: World, window: int) -> float:
    """Return the seconds until Redis' window ends."""
    seconds, micros = world.redis.time()
    return window - (seconds + micros / 1e6) % window


async def fresh_window(world: World, window: int, at_least: float) -> None:
    """Wait until the current window has some time left, so that a test doesn't straddle two."""
    await eventually(lambda: seconds_left(world, window) >= at_least, within=at_least + 1)


async def limit(gate: Gate, amount: int, on_exceed: OnExceed, window: int = 60, **fields: Any) -> None:
    """Limit the tutorial's subscription, at the beginning of a window."""
    gate.world.put_policy("subscription", "Small", amount, on_exceed, window_seconds=window, **fields)
    gate.world.put_subscription(policy="Small")
    await gate.caught_up()
    await fresh_window(gate.world, window, min(10, window * 0.8))


async def send_numbers(client: ClientConnection, count: int) -> None:
    for number in range(count):
        await client.send(str(number))


async def read_to_the_end(client: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for _ in client:
            pass


@on_each_redis
async def test_delay_holds_messages_until_the_next_window_and_loses_none(gate: Gate, backend: Backend) -> None:
    await limit(gate, 5, "delay", window=2)
    began = time.monotonic()
    async with gate.connect() as client:
        await send_numbers(client, 12)
        assert [await client.recv() for _ in range(12)] == [str(number) for number in range(12)]
    assert time.monotonic() - began > 2, "two windows had to begin"
    assert len(backend.messages) == 12


async def test_a_delay_that_lasts_too_long_closes(gate: Gate, backend: Backend) -> None:
    await limit(gate, 5, "delay", max_delay_seconds=0.5)
    async with gate.connect() as client:
        await send_numbers(client, 6)
        await read_to_the_end(client)
        assert client.close_code == 4429
        assert str(client.close_reason).startswith("quota_exceeded; limit=subscription; unit=messages; retry_after_ms=")
    assert backend.messages == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_drop_drops_whole_messages_and_says_how_many(
    gate: Gate, backend: Backend, compression: str | None
) -> None:
    await limit(gate, 5, "drop")
    async with gate.connect(compression=compression) as client:
        await send_numbers(client, 5)
        await client.send(["a frag", "mented ", "one"])
        await client.send(b"x" * 100_000)
        await asyncio.wait_for(await client.ping(), 5)
        answers = [await client.recv() for _ in range(6)]
        notice = json.loads(next(answer for answer in answers if "framegate" in answer))
        assert 0 < notice.pop("retry_after_ms") <= 60_000
        told = notice.pop("dropped")
        assert notice == {"framegate": "quota_exceeded", "limit": "subscription", "unit": "messages"}
        await send_numbers(client, 3)
        while told < 5:  # at most one notice a second, and together they count them all
            told += json.loads(await asyncio.wait_for(client.recv(), 5))["dropped"]
        assert told == 5
    assert backend.messages == ["0", "1", "2", "3", "4"]


async def test_no_notice_where_a_subprotocol_was_agreed(gate: Gate, backend: Backend) -> None:
    await limit(gate, 1, "drop")
    async with gate.connect(subprotocols=[Subprotocol("chat")]) as client:
        await send_numbers(client, 3)
        await asyncio.wait_for(await client.ping(), 5)
        relay = gate.pod.registry.all()[0].relay
        await eventually(lambda: relay.client.scanner.dropped == 2)
        assert await client.recv() == "0"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.3)
    assert backend.messages == ["0"]


async def test_close_closes_and_refuses_the_next_dial(gate: Gate, backend: Backend) -> None:
    await limit(gate, 5, "close")
    async with gate.connect() as client:
        await send_numbers(client, 6)
        await read_to_the_end(client)
        assert client.close_code == 4429
        assert str(client.close_reason).startswith("quota_exceeded; limit=subscription; unit=messages; retry_after_ms=")
    assert backend.messages == ["0", "1", "2", "3", "4"]
    answer = await refusal(gate)
    assert slug(answer) == (429, "quota_exceeded")
    assert 1 <= int(answer[2]["retry-after"]) <= 60
    assert answer[2]["ratelimit-policy"] == '"subscription";q=5;w=60'
    assert answer[2]["ratelimit"].startswith('"subscription";r=0;t=')


@pytest.mark.parametrize("on_exceed", ["delay", "drop"])
async def test_a_dial_is_admitted_when_the_quota_is_spent(gate: Gate, on_exceed: OnExceed) -> None:
    await limit(gate, 1, on_exceed)
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
    async with gate.connect():
        pass


async def test_a_close_passes_a_spent_quota(gate: Gate, backend: Backend) -> None:
    await limit(gate, 1, "drop")
    async with gate.connect() as client:
        await send_numbers(client, 3)
        await client.close(4000, "enough")
    await backend.handshakes[0].wait_closed()
    assert backend.handshakes[0].close_code == 4000


async def test_the_strictest_of_two_limits_acts(gate: Gate, backend: Backend) -> None:
    gate.world.put_policy("application", "Two", 2, "close")
    gate.world.put_application(policy="Two")
    await limit(gate, 5, "delay")
    async with gate.connect() as client:
        await send_numbers(client, 3)
        await read_to_the_end(client)
        assert client.close_code == 4429
    assert backend.messages == ["0", "1"]


async def test_the_limit_is_exact_over_two_pods_and_many_connections(
    gate: Gate, backend: Backend, pod_settings: Settings
) -> None:
    async with run_gate(gate.world, pod_settings) as other:
        await limit(gate, 200, "drop")
        await other.caught_up()

        async def flood(through: Gate) -> None:
            async with through.connect(max_queue=None) as client:
                await send_numbers(client, 100)
                await asyncio.wait_for(await client.ping(), 5)

        async with asyncio.TaskGroup() as group:
            for index in range(8):
                group.create_task(flood((gate, other)[index % 2]))
        # What one pod still holds idle goes back within a second, and is spent by whoever asks.
        async with gate.connect(max_queue=None) as client, other.connect(max_queue=None) as second:
            async with asyncio.timeout(10):
                while len(backend.messages) < 200:
                    for one in (client, second):
                        await one.send("more")
                    await asyncio.sleep(0.05)
            await send_numbers(client, 20)
            await send_numbers(second, 20)
            await asyncio.wait_for(await client.ping(), 5)
            await asyncio.wait_for(await second.ping(), 5)
    assert len(backend.messages) == 200


@on_each_redis
async def test_idle_credit_goes_back_within_moments(gate: Gate) -> None:
    await limit(gate, 1000, "delay")
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
        redis = gate.world.redis

        def spent() -> int:
            key = next(redis.scan_iter("fg:{limit:subscription:*"))
            return int(redis.hget(key, "spent") or 0)

        assert spent() > 1
        await eventually(lambda: spent() == 1)


@on_each_redis
async def test_a_lost_script_is_loaded_again(gate: Gate) -> None:
    await limit(gate, 1000, "delay")
    gate.world.redis.script_flush()
    async with gate.connect() as client:
        await client.send("x")
        assert await client.recv() == "x"


@asynccontextmanager
async def gate_that_lost_redis(
    backend: Backend, on_exceed: OnExceed, on_redis_loss: Literal["allow", "deny"]
) -> AsyncIterator[Gate]:
    """Run a pod with a limit of 5 messages, whose Redis has gone."""
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        url = redis.enter_context(redis_server())
        world = World(redis.enter_context(Redis.from_url(url, decode_responses=True)))
        world.put_tutorial(backend.url)
        settings = Settings(redis_url=url, demo=True, drain_seconds=0, on_redis_loss=on_redis_loss)
        gate = await stack.enter_async_context(run_gate(world, settings))
        await limit(gate, 5, on_exceed)
        redis.close()
        yield gate


@pytest.mark.parametrize(("on_redis_loss", "admitted"), [("allow", 5), ("deny", 0)])
async def test_without_redis_a_pod_decides_as_it_is_told(
    backend: Backend, on_redis_loss: Literal["allow", "deny"], admitted: int
) -> None:
    async with gate_that_lost_redis(backend, "drop", on_redis_loss) as gate:
        async with gate.connect() as client:
            await send_numbers(client, 8)
            relay = gate.pod.registry.all()[0].relay
            await eventually(lambda: relay.client.scanner.messages + relay.client.scanner.dropped == 8)
        assert len(backend.messages) == admitted
        assert gate.pod.telemetry.throttle.without_redis.labels(on_redis_loss)._value.get() > 0


async def test_without_redis_a_pods_share_is_not_lost_while_it_lies_idle(backend: Backend) -> None:
    async with gate_that_lost_redis(backend, "delay", "allow") as gate, gate.connect() as client:
        await client.send("1")
        assert await client.recv() == "1"
        (lease,) = gate.pod.leases._leases.values()
        idle_until = lease.spent_at + IDLE_SECONDS + 2 * SWEEP_SECONDS
        await eventually(lambda: time.monotonic() > idle_until)
        for number in ("2", "3", "4", "5"):
            await client.send(number)
            assert await asyncio.wait_for(client.recv(), 5) == number


async def test_without_redis_a_share_that_was_spent_is_not_given_again_to_who_comes_back(backend: Backend) -> None:
    async with gate_that_lost_redis(backend, "drop", "allow") as gate:
        await flood(gate)
        swept = time.monotonic() + 3 * SWEEP_SECONDS
        await eventually(lambda: time.monotonic() > swept)
        await flood(gate)
        assert len(backend.messages) == 5


async def flood(gate: Gate) -> None:
    """Connect and send eight messages, all of which are let through or dropped."""
    async with gate.connect() as client:
        await send_numbers(client, 8)
        scanner = gate.pod.registry.all()[0].relay.client.scanner
        await eventually(lambda: scanner.messages + scanner.dropped == 8)
