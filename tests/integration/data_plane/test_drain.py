"""A pod that goes: nobody new, everybody told."""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from services.data_plane.settings import Settings
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.waiting import eventually
from tests.support.world import World


async def test_a_drain_closes_with_1012_spread_over_its_time(
    world: World, backend: Backend, pod_settings: Settings
) -> None:
    world.put_tutorial(backend.url)
    loop = asyncio.get_running_loop()
    settings = pod_settings.model_copy(update={"drain_seconds": 1.0})
    ends: list[float] = []
    async with run_gate(world, settings) as gate:
        clients = [await gate.connect() for _ in range(5)]

        async def watch(client: ClientConnection) -> None:
            await client.wait_closed()
            ends.append(loop.time())

        watchers = [asyncio.ensure_future(watch(client)) for client in clients]
        leaving = loop.time()
    await asyncio.gather(*watchers)
    assert [(client.close_code, client.close_reason) for client in clients] == [(1012, "draining")] * 5
    assert max(ends) - min(ends) > 0.5
    assert loop.time() - leaving < 3


async def test_a_draining_pod_refuses_and_is_not_ready(gate: Gate) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
        assert (await ops.get("/readyz")).status_code == 200
        gate.pod.drain.draining = True
        assert (await ops.get("/readyz")).json() == {"status": "not ready", "reason": "draining"}
        assert (await ops.get("/healthz")).status_code == 200
    answer = await refusal(gate)
    assert slug(answer) == (503, "draining")
    assert 1 <= int(answer[2]["retry-after"]) <= 10


async def test_leases_go_back_when_a_pod_goes(world: World, backend: Backend, pod_settings: Settings) -> None:
    world.put_tutorial(backend.url)
    world.put_policy("subscription", "Big", 1000)
    world.put_subscription(policy="Big")
    async with run_gate(world, pod_settings) as gate, gate.connect() as client:
        await client.send("x")
        await client.recv()
    key = next(world.redis.scan_iter("fg:{limit:subscription:*"))
    assert world.redis.hget(key, "spent") == "1"


async def test_the_ops_port_shows_what_is_served(gate: Gate) -> None:
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
            config = (await ops.get("/config")).json()
            assert config.pop("age_seconds") < 10
            mark = gate.world.mark
            assert config == {"revision": mark.revision, "digest": mark.digest, "apis": 1, "refused": []}
            assert "framegate_connections_open 1.0" in (await ops.get("/metrics")).text
    await eventually(lambda: len(gate.pod.registry) == 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
        metrics = (await ops.get("/metrics")).text
    assert 'framegate_messages_total{direction="publish"} 1.0' in metrics
    assert 'framegate_connections_closed_total{cause="client_closed"} 1.0' in metrics


@pytest.mark.parametrize("path", ["/nothing", "/"])
async def test_the_ops_port_has_nothing_else(gate: Gate, path: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gate.ops_port}") as ops:
        assert (await ops.get(path)).status_code == 404
