"""A pod as a process, metered, with whatever backend a test puts behind it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis import Redis

from cli.stack import Stack
from shared.limits import PolicyName
from tests.conformance.autobahn import DEFLATE, DEFLATE_SAMPLE, RULES, SIZES
from tests.support.waiting import free_port, wait_until
from tests.support.world import World

SECONDS, SECONDS_OF_ALL = 180, 7200


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test that takes them its peer behind or before the gateway, and its cases."""
    if "peer" not in metafunc.fixturenames:
        return
    everything = metafunc.config.getoption("--all-cases")
    limit = pytest.mark.timeout(SECONDS_OF_ALL if everything else SECONDS)
    deflate = DEFLATE if everything else DEFLATE_SAMPLE
    parts = [
        # Each as far as it goes: websockets bounds the fragments of a message, aiohttp's client some of deflate.
        pytest.param("aiohttp", (*RULES, *SIZES), id="aiohttp", marks=limit),
        pytest.param("websockets", (*RULES, *deflate), id="websockets", marks=limit),
    ]
    metafunc.parametrize(("peer", "cases"), parts)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running pod, and the API /echo 1.0 that it serves to anybody."""

    world: World
    stack: Stack
    url: str
    ops_url: str
    log: Path

    def serve(self, backend: str) -> None:
        """Put the API in front of a backend, with a quota that every message is counted against."""
        self.world.put_policy("api", "Ample", 10**9)
        self.world.put_api(backend, auth={"types": ["none"]}, api_policy=PolicyName("Ample"))
        self.stack.wait_for("the API", lambda: self._config().get("revision") == self.world.revision)

    def start_backend(self, module: str, *args: str) -> None:
        self.stack.start("backend", module, *args, env=_environment())

    def check(self) -> None:
        """See to it that nothing stayed open and nothing went wrong inside."""
        wait_until(
            lambda: "framegate_connections_open 0.0" in httpx.get(f"{self.ops_url}/metrics", trust_env=False).text
        )
        assert "Traceback" not in self.log.read_text()

    def _config(self) -> Mapping[str, object]:
        try:
            answer: Mapping[str, object] = httpx.get(f"{self.ops_url}/config", trust_env=False).json()
        except httpx.HTTPError:
            return {}
        return answer


@pytest.fixture
def gateway(redis_url: str, tmp_path: Path) -> Iterator[Gateway]:
    port, ops_port = free_port(), free_port()
    environment = _environment() | {"FRAMEGATE_REDIS_URL": redis_url, "FRAMEGATE_DEMO": "1"}
    with Redis.from_url(redis_url, decode_responses=True) as redis, Stack(tmp_path) as stack:
        ports = ("--port", str(port), "--ops-port", str(ops_port))
        stack.start("pod", "cli.main", "data-plane", *ports, env=environment)
        urls = (f"ws://127.0.0.1:{port}/echo/1.0", f"http://127.0.0.1:{ops_port}")
        running = Gateway(World(redis), stack, *urls, tmp_path / "pod.log")
        yield running
        running.check()


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath}
