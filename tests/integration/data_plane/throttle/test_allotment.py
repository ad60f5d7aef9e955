"""Limits of every unit and direction, as clients meet them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.data_plane.pump import CONTROLS_A_SECOND
from services.data_plane.settings import Settings
from services.data_plane.throttle import slots
from shared import keys
from shared.limits import Burst, Limit, OnExceed
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.integration.data_plane.test_throttle import fresh_window, read_to_the_end, send_numbers
from tests.support.waiting import eventually


async def limit(gate: Gate, *limits: Limit, on_exceed: OnExceed = "delay", **fields: Any) -> None:
    """Limit the tutorial's subscription, at the beginning of a window."""
    gate.world.put_policy("subscription", "Small", on_exceed=on_exceed, limits=limits, **fields)
    gate.world.put_subscription(policy="Small")
    await gate.caught_up()
    await fresh_window(gate.world, 60, 10)


def bytes_limit(amount: int, **fields: Any) -> Limit:
    return Limit(unit="bytes", amount=amount, **fields)


CONNECTIONS = Limit(unit="connections", amount=3, window_seconds=None)


@asynccontextmanager
async def as_many_as_get_in(*gates: Gate, dials: int) -> AsyncIterator[list[ClientConnection]]:
    """Dial in parallel through all gates; yield those that were accepted."""
    async with AsyncExitStack() as stack:

        async def dial(index: int) -> ClientConnection | None:
            try:
                return await stack.enter_async_context(gates[index % len(gates)].connect())
            except InvalidStatus as refused:
                if refused.response.status_code != 429:
                    raise
                return None

        yield [client for client in await asyncio.gather(*map(dial, range(dials))) if client]


async def test_bytes_are_counted_by_the_frame_and_held_back_whole(gate: Gate, backend: Backend) -> None:
    await limit(gate, bytes_limit(1000), on_exceed="drop")
    async with gate.connect(compression=None) as client:
        for size in (400, 400, 300, 150, 100, 50):
            await client.send(b"x" * size)
        await asyncio.wait_for(await client.ping(), 5)
    assert [len(message) for message in backend.messages] == [400, 400, 150, 50]


async def test_a_message_that_began_is_never_cut_by_a_limit_of_bytes(gate: Gate, backend: Backend) -> None:
    await limit(gate, bytes_limit(1000), on_exceed="drop", max_delay_seconds=0.3)
    async with gate.connect(compression=None) as client:
        await client.send([b"x" * 900, b"y" * 200])
        await read_to_the_end(client)
        assert client.close_code == 4429, "its rest waited for the next window, which was too long"
    assert backend.messages == []


async def test_a_message_larger_than_the_whole_limit_is_dropped(gate: Gate, backend: Backend) -> None:
    await limit(gate, bytes_limit(1000), on_exceed="drop")
    async with gate.connect(compression=None) as client:
        await client.send(b"x" * 1001)
        await client.send(b"x" * 1000)
        await asyncio.wait_for(await client.ping(), 5)
    assert [len(message) for message in backend.messages] == [1000]


async def test_messages_to_the_client_are_dropped_whole_and_it_is_told(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=3, direction="subscribe"), on_exceed="drop")
    async with gate.connect() as client:
        await send_numbers(client, 6)
        answers = [await asyncio.wait_for(client.recv(), 5) for _ in range(4)]
    assert answers[:3] == ["0", "1", "2"]
    notice = json.loads(answers[3])
    assert (notice["limit"], notice["unit"]) == ("subscription", "messages")
    assert len(backend.messages) == 6


async def test_messages_to_the_client_are_held_back_and_none_is_lost(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=2, direction="subscribe", window_seconds=1))
    async with gate.connect() as client:
        await send_numbers(client, 5)
        assert [await asyncio.wait_for(client.recv(), 5) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert len(backend.messages) == 5, "the other direction goes on"


async def test_a_limit_of_both_directions_counts_both(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=5, direction="both"), on_exceed="close")
    async with gate.connect() as client:
        heard = 0
        with suppress(ConnectionClosed):
            for _ in range(10):
                await client.send("x")
                await asyncio.wait_for(client.recv(), 5)
                heard += 1
        assert client.close_code == 4429
    assert len(backend.messages) + heard == 5


async def test_a_burst_is_a_limit_of_its_own(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=1000), burst=Burst(amount=10, window_seconds=60), on_exceed="drop")
    async with gate.connect() as client:
        await send_numbers(client, 50)
        await asyncio.wait_for(await client.ping(), 5)
    assert 8 <= len(backend.messages) <= 10


async def test_the_smaller_of_two_windows_binds(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=100), Limit(amount=4, window_seconds=3600), on_exceed="drop")
    async with gate.connect() as client:
        await send_numbers(client, 10)
        await asyncio.wait_for(await client.ping(), 5)
    assert backend.messages == ["0", "1", "2", "3"]


async def test_a_shadow_lets_everything_pass_and_counts(gate: Gate, backend: Backend) -> None:
    await limit(gate, Limit(amount=10), CONNECTIONS, on_exceed="close", shadow=True)
    async with as_many_as_get_in(gate, dials=6) as clients:
        assert len(clients) == 6
        for client in clients:
            await send_numbers(client, 10)
            await asyncio.wait_for(await client.ping(), 5)
    assert len(backend.messages) == 60
    excess = gate.pod.telemetry.throttle.shadow_excess.labels("subscription", "messages")
    await eventually(lambda: excess._value.get() >= 50)


async def test_handshakes_are_counted_whatever_comes_of_them(gate: Gate) -> None:
    await limit(gate, Limit(unit="handshakes", amount=2))
    for _ in range(2):
        async with gate.connect():
            pass
    answer = await refusal(gate)
    assert slug(answer) == (429, "quota_exceeded")
    assert answer[2]["ratelimit-policy"] == '"subscription-handshakes";q=2;w=60'


async def test_connections_are_counted_over_all_pods(gate: Gate, pod_settings: Settings) -> None:
    async with run_gate(gate.world, pod_settings) as other:
        await limit(gate, CONNECTIONS)
        await other.caught_up()
        async with as_many_as_get_in(gate, other, dials=10) as clients:
            assert len(clients) == 3
            answer = await refusal(other)
            assert slug(answer) == (429, "too_many_connections")
            assert int(answer[2]["retry-after"]) > 0
            await clients[0].close()

            async def has_room() -> bool:
                async with as_many_as_get_in(other, dials=1) as more:
                    return len(more) == 1

            await eventually(has_room)


async def test_a_dial_that_comes_to_nothing_gives_its_slot_back(gate: Gate, backend: Backend) -> None:
    gate.world.put_api("ws://127.0.0.1:1")
    await limit(gate, CONNECTIONS)
    for _ in range(5):
        assert slug(await refusal(gate))[0] == 502
    gate.world.put_api(backend.url)
    await gate.caught_up()
    async with as_many_as_get_in(gate, dials=3) as clients:
        assert len(clients) == 3


async def test_slots_are_renewed_while_they_are_held(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(slots, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(slots, "GRACE_SECONDS", 0.0)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(run_gate(gate.world, gate.pod.settings))
        await limit(gate, CONNECTIONS)
        await other.caught_up()
        async with as_many_as_get_in(other, dials=3) as clients:
            assert len(clients) == 3
            key = keys.limit("subscription", "app-api", "connections:0")

            def free_at() -> int:
                (entry,) = gate.world.redis.hgetall(key).values()
                return int(entry.split()[0])

            first = free_at()
            await eventually(lambda: free_at() > first + 600)
            assert slug(await refusal(gate)) == (429, "too_many_connections")


async def test_an_address_that_needs_no_credentials_has_the_anonymous_policy(gate: Gate, backend: Backend) -> None:
    gate.world.put_policy("subscription", "Unauthenticated", 3, "drop")
    gate.world.put_api(backend.url, auth={"types": ["none"]}, anonymous_policy="Unauthenticated")
    await gate.caught_up()
    await fresh_window(gate.world, 60, 10)
    async with gate.connect(token=None) as client:
        await send_numbers(client, 5)
        await asyncio.wait_for(await client.ping(), 5)
    assert len(backend.messages) == 3


async def test_the_101_says_what_the_limits_are_and_what_is_left(gate: Gate) -> None:
    await limit(
        gate, Limit(amount=100), bytes_limit(5000, window_seconds=3600), burst=Burst(amount=9, window_seconds=1)
    )
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
        assert client.response is not None
        assert client.response.headers["RateLimit-Policy"] == (
            '"subscription-bytes-publish";q=5000;w=3600;qu="content-bytes", "subscription";q=100;w=60, '
            '"subscription-burst";q=9;w=1'
        )

    async def left() -> str | None:
        async with gate.connect() as client:
            assert client.response is not None
            return client.response.headers.get("RateLimit")

    found = await eventually(left)
    assert found is not None
    assert '"subscription";r=99;t=' in found


async def test_pings_without_end_are_read_slowly_and_none_is_lost(gate: Gate) -> None:
    async with gate.connect(ping_interval=None) as client:
        began = asyncio.get_running_loop().time()
        for answered in [await client.ping(str(number)) for number in range(2 * CONTROLS_A_SECOND + 2)]:
            await asyncio.wait_for(answered, 5)
        assert asyncio.get_running_loop().time() - began >= 2 * 0.9


async def test_no_counter_stays_for_ever(gate: Gate) -> None:
    gate.world.put_policy("api", "Api", 1000)
    await limit(
        gate, Limit(amount=10), bytes_limit(10_000), Limit(unit="handshakes", amount=9), CONNECTIONS,
        burst=Burst(amount=9, window_seconds=1),
    )  # fmt: skip
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
        found = list(gate.world.redis.scan_iter("fg:{limit:*"))
        assert len(found) == 5
        assert all(gate.world.redis.ttl(key) > 0 for key in found)
