"""A whole Framegate as processes: PostgreSQL, Redis, a control plane, pods, and an echo behind them."""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx

from benchmarks.harness.errors import BenchmarkError, MissingError
from benchmarks.peers.framegate import is_ready
from cli.embedded import NoRedisError, redis_server
from cli.network import free_port
from cli.stack import Stack
from tests.support.postgres import NoPostgresError, serve_postgres

_CLIENT_ID = "bench"
_START_SECONDS = 60.0
_PUSHED_SECONDS = 300.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PodPorts:
    port: int
    ops_port: int


@dataclass
class Installation:
    """What runs, and how to speak with it as the pipeline that owns everything."""

    stack: Stack
    environment: Mapping[str, str]
    database_url: str
    redis_url: str
    rest: httpx.Client
    secret: str

    def start_pod(self, name: str, *, workers: int = 1) -> tuple[PodPorts, float]:
        """Start a pod; return its ports, and how many seconds it took until it was ready."""
        ports, began = PodPorts(free_port(), free_port()), time.monotonic()
        options = ["--host=127.0.0.1", f"--port={ports.port}", f"--ops-port={ports.ops_port}", f"--workers={workers}"]
        self.stack.start(name, "cli.main", "data-plane", *options, env=self.environment)
        self.stack.wait_for(f"{name}, ready,", lambda: is_ready(ports.ops_port), _START_SECONDS)
        return ports, time.monotonic() - began

    def pid_of(self, name: str) -> int:
        return next(child.process.pid for child in self.stack.children if child.name == name)

    def sign_in(self) -> None:
        form = {"grant_type": "client_credentials"}
        answer = self.rest.post("/oauth2/token", data=form, auth=(_CLIENT_ID, self.secret))
        self.rest.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def post(self, path: str, body: object = None) -> Any:
        answer = self.rest.post(path, json=body)
        if answer.is_error:
            raise BenchmarkError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def catch_up(self) -> None:
        """Wait until all pods serve what the control plane has."""
        deadline = time.monotonic() + _PUSHED_SECONDS
        while not all(pod["current"] for pod in self._pods()):
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the pods don't have what was published within {_PUSHED_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rest.get("/admin/v1/gateways").raise_for_status().json()["items"]
        return found


@contextmanager
def open_installation(folder: Path) -> Iterator[Installation]:
    """Run PostgreSQL, Redis and a control plane until the block ends. Pods are started by who measures them."""
    control_plane, secret = free_port(), token_urlsafe(32)
    with ExitStack() as stack:
        try:
            redis_url = stack.enter_context(redis_server())
            data = stack.enter_context(tempfile.TemporaryDirectory(prefix="framegate-postgres-", dir="/tmp"))
            postgres = stack.enter_context(serve_postgres(Path(data)))
        except (NoRedisError, NoPostgresError) as error:
            raise MissingError(" ".join(str(error).split())) from error
        database_url = f"postgresql+psycopg://framegate@/postgres?host={postgres.socket}"
        environment = {
            "PATH": os.defpath,
            "FRAMEGATE_DATABASE_URL": database_url,
            "FRAMEGATE_REDIS_URL": redis_url,
            "FRAMEGATE_SECRET_KEY": token_urlsafe(32),
            "FRAMEGATE_ADMIN_PASSWORD": token_urlsafe(16),
            "FRAMEGATE_BOOTSTRAP_CLIENT_ID": _CLIENT_ID,
            "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": secret,
            "FRAMEGATE_PUBLIC_URL": f"http://127.0.0.1:{control_plane}",
            "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
            "FRAMEGATE_DRAIN_SECONDS": "0",
        }
        running = stack.enter_context(Stack(folder))
        options = ["--host=127.0.0.1", f"--port={control_plane}", "--workers=1"]
        running.start("control plane", "cli.main", "control-plane", *options, env=environment)
        running.wait_for("the control plane", lambda: is_ready(control_plane), _START_SECONDS)
        url = f"http://127.0.0.1:{control_plane}"
        rest = stack.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
        installation = Installation(running, environment, database_url, redis_url, rest, secret)
        installation.sign_in()
        yield installation
