"""A pod has one thread, whatever it does beside: a second one would make each of its system calls dearer."""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.integration.data_plane.conftest import Backend
from tests.support.program import Program
from tests.support.waiting import eventually, free_port
from tests.support.world import World


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def pod(redis_url: str, tmp_path: Path, ports: tuple[int, int]) -> Iterator[Program]:
    environment = {
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_SNAPSHOT": str(tmp_path / "snapshot"),
        "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
        "FRAMEGATE_DRAIN_SECONDS": "0",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    options = ["--host=127.0.0.1", f"--port={ports[0]}", f"--ops-port={ports[1]}", "--workers=1"]
    program = Program("pod", tmp_path, [sys.executable, "-m", "cli.main", "data-plane", *options], environment)
    program.start()
    yield program
    program.kill()


def count_threads(pod: Program) -> int:
    return len(list(Path(f"/proc/{pod.pid}/task").iterdir()))


async def test_it_logs_traces_and_saves_and_is_left_with_one_thread(
    world: World, backend: Backend, pod: Program, ports: tuple[int, int], tmp_path: Path
) -> None:
    world.put_tutorial(backend.url)

    async def is_ready() -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{ports[1]}/readyz")).is_success
            except httpx.TransportError:
                return False

    await eventually(is_ready, within=30)
    headers = {"Authorization": f"Bearer {world.issuer.token()}"}
    uri = f"ws://127.0.0.1:{ports[0]}/echo/1.0"
    for _ in range(2):
        async with connect(uri, additional_headers=headers, proxy=None) as client:
            await client.send("hello")
            assert await client.recv()
    async with connect(uri, additional_headers=headers, proxy=None):
        await eventually(lambda: pod.said.count("connection closed") == 2, within=10)
        await eventually((tmp_path / "snapshot").exists, within=20)
        await eventually(lambda: count_threads(pod) == 1, within=20)
