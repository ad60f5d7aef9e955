"""A pod of several processes: one port, one voice, and an end for all."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from shared import keys
from tests.integration.data_plane.conftest import Backend
from tests.integration.data_plane.test_tls import trusting
from tests.support.certificate import make_certificate
from tests.support.processes import descendants, lives
from tests.support.waiting import eventually, free_port, wait_until
from tests.support.world import World

COUNT = 2


@dataclass
class Pods:
    """A pod that runs as an operator's would."""

    process: subprocess.Popen[bytes]
    port: int
    tls_port: int
    ops_port: int
    world: World
    log: Path

    @property
    def workers(self) -> list[int]:
        return descendants(self.process.pid)[1:]  # the first one forks the others

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.ops_port}{path}", timeout=5, trust_env=False)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    def metric(self, sample: str) -> float:
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith(f"{sample} ")]
        return float(lines[0].split()[-1]) if lines else 0.0

    def connect(self, **options: Any) -> connect:
        headers = {"Authorization": f"Bearer {self.world.issuer.token()}"}
        scheme, port = ("wss", self.tls_port) if "ssl" in options else ("ws", self.port)
        uri = f"{scheme}://localhost:{port}/echo/1.0"
        return connect(uri, additional_headers=headers, proxy=None, **options)

    @asynccontextmanager
    async def on_every_worker(self) -> AsyncIterator[list[ClientConnection]]:
        """Connect until the kernel has given each worker somebody."""
        clients: list[ClientConnection] = []
        try:
            while len({owner_of(self, client) for client in clients}) < COUNT:
                clients.append(await self.connect())
            yield clients
        finally:
            for client in clients:
                await client.close()


def owner_of(pods: Pods, client: ClientConnection) -> int:
    """Return the worker at the other end of a connection, by the kernel's table of sockets."""
    port = client.local_address[1]
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    entries = [line.split() for line in table]
    inodes = {entry[9] for entry in entries if int(entry[2].rpartition(":")[2], 16) == port}
    for pid in pods.workers:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target.removeprefix("socket:[").removesuffix("]") in inodes:
                return pid
    return 0


@contextmanager
def running(world: World, redis_url: str, tmp_path: Path, **env: str) -> Iterator[Pods]:
    ports = [free_port() for _ in range(3)]
    options = [f"--port={ports[0]}", f"--tls-port={ports[1]}", f"--ops-port={ports[2]}", f"--workers={COUNT}"]
    environment = {
        "PATH": os.defpath,
        "FRAMEGATE_REDIS_URL": redis_url,
        "FRAMEGATE_DEMO": "true",
        "FRAMEGATE_DRAIN_SECONDS": "1",
        **env,
    }
    log = tmp_path / "pod.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "cli.main", "data-plane", *options]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    pods = Pods(process, ports[0], ports[1], ports[2], world, log)
    everybody: list[int] = []
    try:
        wait_until(lambda: process.poll() is not None or pods.is_ready(), within=40)
        assert process.poll() is None, log.read_text()
        everybody = descendants(process.pid)
        yield pods
    finally:
        process.kill()
        process.wait()
        for pid in everybody:
            wait_until(lambda pid=pid: not lives(pid), within=15)  # type: ignore[misc] # mypy can't infer it


@pytest.fixture
def pods(world: World, backend: Backend, redis_url: str, tmp_path: Path) -> Iterator[Pods]:
    world.put_tutorial(backend.url)
    with running(world, redis_url, tmp_path) as started:
        yield started


async def test_workers_share_the_port_and_the_ops_port_speaks_for_all(pods: Pods) -> None:
    async with pods.on_every_worker() as clients:
        for client in clients:
            await client.send("to whichever it is")
            assert await client.recv() == "to whichever it is"
        assert pods.metric("framegate_connections_open") == len(clients)
        assert pods.metric("framegate_workers") == COUNT
        mark = pods.world.mark
        config = pods.get("/config").json()
        assert (config["revision"], config["digest"], config["apis"]) == (mark.revision, mark.digest, 1)
        assert pods.metric("framegate_catalogue_revision") == mark.revision
    await eventually(lambda: pods.metric('framegate_messages_total{direction="publish"}') == len(clients))


async def test_each_worker_is_a_pod_towards_redis(pods: Pods) -> None:
    await eventually(lambda: pods.world.redis.zcard(keys.PODS) == COUNT, within=10)


async def test_a_dead_worker_is_replaced_and_the_others_go_on(pods: Pods) -> None:
    async with pods.on_every_worker() as clients:
        victim = owner_of(pods, clients[-1])
        survivors = [client for client in clients if owner_of(pods, client) != victim]
        accepted = pods.metric('framegate_handshakes_total{result="accepted"}')
        os.kill(victim, signal.SIGKILL)
        await asyncio.wait_for(clients[-1].wait_closed(), 5)
        await eventually(lambda: pods.is_ready() and victim not in pods.workers and len(pods.workers) == COUNT)
        for client in survivors:
            await client.send("still here")
            assert await client.recv() == "still here"
        assert pods.metric("framegate_worker_restarts_total") == 1
        assert pods.metric('framegate_handshakes_total{result="accepted"}') == accepted  # a counter never falls
        assert f"process id {victim} ended with SIGKILL" in pods.log.read_text()
    async with pods.on_every_worker():
        assert pods.metric("framegate_workers") == COUNT


async def test_one_worker_can_be_drained_and_is_replaced(pods: Pods) -> None:
    async with pods.on_every_worker() as clients:
        leaving = owner_of(pods, clients[-1])
        os.kill(leaving, signal.SIGTERM)
        await asyncio.wait_for(clients[-1].wait_closed(), 5)
        assert (clients[-1].close_code, clients[-1].close_reason) == (1012, "draining")
        await eventually(lambda: pods.is_ready() and leaving not in pods.workers, within=10)
        # It left a last report, so that what it counted at its end is not lost.
        assert pods.metric('framegate_connections_closed_total{cause="draining"}') >= 1


async def test_sigterm_drains_all_workers_and_ends_with_0(pods: Pods) -> None:
    async with pods.on_every_worker() as clients:
        everybody = descendants(pods.process.pid)
        began = time.monotonic()
        pods.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(asyncio.wait_for(client.wait_closed(), 10) for client in clients))
        assert {(client.close_code, client.close_reason) for client in clients} == {(1012, "draining")}
        assert await asyncio.to_thread(pods.process.wait, 10) == 0
        assert time.monotonic() - began < 5
        assert not [pid for pid in everybody if lives(pid)]
    assert "another takes its place" not in pods.log.read_text()


async def test_workers_drain_when_their_parent_is_killed(pods: Pods) -> None:
    async with pods.on_every_worker() as clients:
        everybody = descendants(pods.process.pid)
        pods.process.kill()
        await asyncio.gather(*(asyncio.wait_for(client.wait_closed(), 10) for client in clients))
        assert {(client.close_code, client.close_reason) for client in clients} == {(1012, "draining")}
        await eventually(lambda: not [pid for pid in everybody if lives(pid)], within=10)


async def test_a_worker_that_hangs_makes_the_pod_not_ready_but_not_dead(pods: Pods) -> None:
    hanging = pods.workers[0]
    os.kill(hanging, signal.SIGSTOP)
    try:
        await eventually(lambda: pods.get("/readyz").json().get("reason") == "a worker does not answer")
        assert pods.get("/healthz").is_success
        assert pods.get("/config").json()["digest"] is None
        assert pods.metric("framegate_workers") == COUNT - 1
    finally:
        os.kill(hanging, signal.SIGCONT)
    await eventually(pods.is_ready)


async def test_a_new_certificate_reaches_every_worker(
    world: World, backend: Backend, redis_url: str, tmp_path: Path
) -> None:
    world.put_tutorial(backend.url)
    (tmp_path / "new").mkdir()
    old, new = make_certificate(tmp_path), make_certificate(tmp_path / "new")
    trust_old, trust_new = trusting(old), trusting(new)
    files = {"FRAMEGATE_TLS_CERT": str(old.cert), "FRAMEGATE_TLS_KEY": str(old.key)}
    with running(world, redis_url, tmp_path, **files) as pods:
        async with pods.connect(ssl=trust_old) as client:
            shutil.copy(new.cert, old.cert)
            shutil.copy(new.key, old.key)
            pods.process.send_signal(signal.SIGHUP)
            await eventually(lambda: pods.log.read_text().count("new connections get the certificate") == COUNT)
            for _ in range(10):
                async with pods.connect(ssl=trust_new):
                    pass
            with pytest.raises(ssl.SSLCertVerificationError):
                await pods.connect(ssl=trust_old)
            await client.send("still here")
            assert await client.recv() == "still here"


def test_what_no_worker_could_start_without_is_said_in_one_line(redis_url: str, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    port = free_port()

    def start(*options: str, limit: int = 1024, env: Mapping[str, str] | None = None) -> str:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n"
        code += f"from cli.main import main; import sys; sys.argv = ['framegate', 'data-plane', *{options}]; main()"
        environment = {"PATH": os.defpath, "FRAMEGATE_REDIS_URL": redis_url, **(env or {})}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 1
        assert "Traceback" not in ran.stderr
        return ran.stderr

    ours = f"--port={port}", f"--ops-port={free_port()}", "--workers=2"
    assert "FRAMEGATE_TLS_CERT and FRAMEGATE_TLS_KEY go together" in start(
        *ours, env={"FRAMEGATE_TLS_CERT": str(files.cert)}
    )
    assert "FRAMEGATE_TLS_CERT: Path does not point to a file" in start(*ours, env={"FRAMEGATE_TLS_CERT": "/nowhere"})
    both = {"FRAMEGATE_TLS_CERT": str(files.cert), "FRAMEGATE_TLS_KEY": str(files.cert)}
    assert f"{files.cert} with the key {files.cert}: not PEM" in start(*ours, env=both)
    assert "only 100 files may be open" in start(*ours, limit=100)
    assert "FRAMEGATE_TRUSTED_PROXIES: " in start(*ours, env={"FRAMEGATE_TRUSTED_PROXIES": "10.0.0.1/8"})
    assert "FRAMEGATE_PROXY_PROTOCOL needs" in start(*ours, env={"FRAMEGATE_PROXY_PROTOCOL": "true"})
    with subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]) as other:
        wait_until(lambda: f"port {port}: somebody else listens there" in start(*ours), within=20)
        other.kill()
