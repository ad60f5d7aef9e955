"""A pod as a process, for what is attacked, measured or ended from outside."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
from redis import Redis

from cli.stack import Stack
from tests.support.waiting import free_port
from tests.support.world import World


@dataclass(frozen=True, slots=True)
class PodProcess:
    """A running pod, and the API /echo 1.0 that it serves to anybody."""

    world: World
    stack: Stack
    port: int
    ops_url: str
    log: Path

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/echo/1.0"

    @property
    def process(self) -> Popen[bytes]:
        return self.stack.children[0].process

    def serve(self, backend: str, **fields: Any) -> None:
        """Put the API in front of a backend."""
        self.world.put_api(backend, auth={"types": ["none"]}, **fields)
        self.stack.wait_for("the API", lambda: self.has(self.world.revision))

    def has(self, revision: int) -> bool:
        """Tell whether the pod serves this revision of the catalogue."""
        return self._config().get("revision") == revision

    def metric(self, name: str) -> float:
        """Return a metric; its name has its labels."""
        text = httpx.get(f"{self.ops_url}/metrics", trust_env=False).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found, name
        return float(found[1])

    def resident_bytes(self) -> int:
        return int(self._proc("statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(list(self._proc("fd").iterdir()))

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.process.pid}/{name}")

    def _config(self) -> Mapping[str, object]:
        try:
            answer: Mapping[str, object] = httpx.get(f"{self.ops_url}/config", trust_env=False).json()
        except httpx.HTTPError:
            return {}
        return answer


@contextmanager
def pod_process(redis_url: str, folder: Path, **environment: str) -> Iterator[PodProcess]:
    """Run a pod on free ports; at the end it drains."""
    port, ops_port = free_port(), free_port()
    env = {"PATH": os.defpath, "FRAMEGATE_REDIS_URL": redis_url, "FRAMEGATE_DEMO": "1", **environment}
    with Redis.from_url(redis_url, decode_responses=True) as redis, Stack(folder) as stack:
        stack.start("pod", "cli.main", "data-plane", "--port", str(port), "--ops-port", str(ops_port), env=env)
        yield PodProcess(World(redis), stack, port, f"http://127.0.0.1:{ops_port}", folder / "pod.log")
