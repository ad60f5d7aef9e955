"""A configuration that nobody confirms: served, no longer given to newcomers, or taken from all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from services.data_plane import catalogue as following
from services.data_plane import staleness
from services.data_plane.settings import Settings
from shared import keys
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.waiting import eventually
from tests.support.world import Flat, World

LIMIT_SECONDS = 0.3

Run = Callable[..., AbstractAsyncContextManager[Gate]]


@pytest.fixture
def run(world: World, backend: Backend, pod_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return how to run a pod that does so when it is stale. Redis confirms more often than it grows stale."""
    monkeypatch.setattr(following, "FOLLOW_MILLISECONDS", 50)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(staleness, "WATCH_SECONDS", 0.05)
    world.put_tutorial(backend.url)

    @asynccontextmanager
    async def run(on_stale: str, drain_seconds: float = 0.3) -> AsyncIterator[Gate]:
        stale = {"max_staleness_seconds": LIMIT_SECONDS, "on_stale": on_stale, "drain_seconds": drain_seconds}
        async with run_gate(world, pod_settings.model_copy(update=stale)) as gate:
            yield gate

    return run


async def grow_stale(gate: Gate) -> None:
    """Leave the pod without anybody who confirms what it has."""
    gate.world.redis.delete(keys.CATALOGUE_STATE)
    await eventually(lambda: gate.pod.staleness.stale)


async def confirm(gate: Gate) -> None:
    gate.world.redis.hset(keys.CATALOGUE_STATE, mapping=Flat(gate.world.mark.fields()))
    await eventually(lambda: not gate.pod.staleness.stale)


async def readiness(gate: Gate) -> tuple[int, str | None]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
        answer = await ops.get("/readyz")
    return answer.status_code, answer.json().get("reason")


async def is_echoed(gate: Gate) -> bool:
    async with gate.connect() as client:
        await client.send("x")
        return await client.recv() == "x"


async def test_it_is_served_unless_said_otherwise(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async with run("serve") as gate:
        await grow_stale(gate)
        assert await is_echoed(gate)
        assert await readiness(gate) == (200, None)
        await eventually(lambda: "no configuration was confirmed" in caplog.text)
        await confirm(gate)
        await eventually(lambda: "confirmed again" in caplog.text)


async def test_newcomers_are_refused_and_who_is_in_stays(run: Run) -> None:
    async with run("refuse_new") as gate, gate.connect() as client:
        await grow_stale(gate)
        answer = await refusal(gate)
        assert slug(answer) == (503, "stale_configuration")
        assert 1 <= int(answer[2]["retry-after"]) <= 10
        assert await readiness(gate) == (503, "stale configuration")
        await client.send("still in")
        assert await client.recv() == "still in"
        await confirm(gate)
        assert await readiness(gate) == (200, None)
        assert await is_echoed(gate)


async def test_all_are_closed_spread_over_the_drain_time(run: Run) -> None:
    async with run("close") as gate:
        clients = [await gate.connect() for _ in range(4)]
        ends: list[float] = []

        async def watch(index: int) -> None:
            await clients[index].wait_closed()
            ends.append(asyncio.get_running_loop().time())

        async with asyncio.TaskGroup() as group:
            for index in range(4):
                group.create_task(watch(index))
            await grow_stale(gate)
        assert {(client.close_code, client.close_reason) for client in clients} == {(1013, "stale_configuration")}
        assert max(ends) - min(ends) > 0.1
        assert slug(await refusal(gate)) == (503, "stale_configuration")
        await confirm(gate)
        assert await is_echoed(gate)


async def test_closing_ends_when_the_configuration_is_confirmed(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async with run("close", 1.0) as gate:
        clients = [await gate.connect() for _ in range(2)]
        await grow_stale(gate)
        await eventually(lambda: any(client.close_code for client in clients))
        await confirm(gate)
        await eventually(lambda: "confirmed again" in caplog.text)
        (left,) = [client for client in clients if client.close_code is None]
        await left.send("still in")
        assert await left.recv() == "still in"


def test_what_to_do_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="FRAMEGATE_ON_STALE needs FRAMEGATE_MAX_STALENESS_SECONDS"):
        Settings(on_stale="close")
