"""From a change's 2xx to its effect on open connections of every pod, and how fast a pod starts, with many APIs."""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus

from benchmarks.harness import results
from benchmarks.harness.bench import run_benchmark
from benchmarks.harness.crowd import Crowd, seed
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.installation import Installation, PodPorts, open_installation
from benchmarks.harness.machine import describe_framegate
from benchmarks.harness.resident import resident_bytes
from services.control_plane.kit.database import Database
from services.data_plane.live import PAUSE_SECONDS

PODS = 2
PATH = "/measured/1.0"
FULL = Crowd(apis=10_000, applications=5_000, subscriptions=50_000)
QUICK = Crowd(apis=500, applications=250, subscriptions=2_500)

_PATIENCE_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench push", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="with 500 APIs and 10 changes")
    parser.add_argument("--changes", type=int, default=200, help="how many changes are timed (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="how many pods are started from nothing (%(default)s)")
    given = parser.parse_args()
    crowd = QUICK if given.quick else FULL
    changes, starts = (10, 2) if given.quick else (given.changes, given.starts)
    trial = given.quick or given.changes < 200 or given.starts < 5
    return run_benchmark(partial(run, crowd, changes, starts, trial=trial))


def run(crowd: Crowd, changes: int, starts: int, folder: Path, *, trial: bool) -> None:
    with open_installation(folder) as installation:
        measured = asyncio.run(measure(installation, crowd, changes, starts))
    body = {
        "versions": {"framegate": describe_framegate()},
        "method": {"times": changes, "pods": PODS, **asdict(crowd)},
        "workloads": [measured],
    }
    print(f"written to {results.save('push', body, trial=trial)}")


async def measure(installation: Installation, crowd: Crowd, changes: int, starts: int) -> dict[str, Any]:
    async with serve(echo, "127.0.0.1", 0) as backend:
        url = f"ws://127.0.0.1:{next(iter(backend.sockets)).getsockname()[1]}"
        access = make_access(installation, url)
        seed(Database(installation.database_url), crowd, url)
        pods = [installation.start_pod(f"pod {number}")[0] for number in range(PODS)]
        await asyncio.to_thread(installation.catch_up)
        effects = [await time_change(access, pods) for _ in range(changes)]
        cold = [await asyncio.to_thread(installation.start_pod, f"cold {number}") for number in range(starts)]
    effect = spread_ms([seconds for found in effects for seconds in found])
    resident = [resident_bytes([installation.pid_of(f"cold {number}")]) for number in range(starts)]
    measured = {
        "name": "push",
        "effect_ms": effect,
        "cold_start_seconds": sorted(round(seconds, 2) for _, seconds in cold),
        "pod_bytes": max(resident),
    }
    print_table(measured, crowd)
    return measured


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


class Access:
    """The subscription that is blocked and unblocked, and the token that connects by it."""

    def __init__(self, installation: Installation, subscription: str, token: str) -> None:
        self._subscription = f"/publisher/v1/subscriptions/{subscription}"
        self._rest = httpx.AsyncClient(
            base_url=installation.rest.base_url, headers=installation.rest.headers, trust_env=False, timeout=30
        )
        self.headers = {"Authorization": f"Bearer {token}"}

    async def change(self, action: str) -> float:
        """Block or unblock, and return when the 2xx was there."""
        (await self._rest.post(f"{self._subscription}/{action}")).raise_for_status()
        return time.perf_counter()


def make_access(installation: Installation, backend: str) -> Access:
    api = {"name": "Measured", "context": "/measured", "version": "1.0", "policies": ["Unlimited"]}
    made = installation.post("/publisher/v1/apis", {**api, "endpoints": {"production": {"urls": [backend]}}})
    installation.post(f"/publisher/v1/apis/{made['id']}/lifecycle", {"action": "publish"})
    application = installation.post("/store/v1/applications", {"name": "Measured", "policy": "Unlimited"})
    wanted = {"application_id": application["id"], "api_id": made["id"], "policy": "Unlimited"}
    subscription = installation.post("/store/v1/subscriptions", wanted)
    key = installation.post(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION"})
    return Access(installation, subscription["id"], key["token"]["access_token"])


async def time_change(access: Access, pods: Sequence[PodPorts]) -> list[float]:
    """Return, for a connection on each pod, how many seconds after the 2xx of a block it was closed."""
    connections = [await open_connection(access, pod) for pod in pods]
    await asyncio.sleep(2 * PAUSE_SECONDS)  # changes come one by one: a pod that just looked waits for a moment
    async with asyncio.TaskGroup() as group:
        closings = [group.create_task(closed_at(connection)) for connection in connections]
        accepted = await access.change("block")
    await access.change("unblock")
    return [max(0.0, closing.result() - accepted) for closing in closings]


async def closed_at(connection: ClientConnection) -> float:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await connection.wait_closed()
    return time.perf_counter()


async def open_connection(access: Access, pod: PodPorts) -> ClientConnection:
    """Connect as soon as the pod lets this subscription in again."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await connect(
                f"ws://127.0.0.1:{pod.port}{PATH}", additional_headers=access.headers, proxy=None, ping_interval=None
            )
        except InvalidStatus as error:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"a pod lets nobody in: {error}") from error
            await asyncio.sleep(0.02)


def spread_ms(seconds: Sequence[float]) -> dict[str, float]:
    percentiles = quantiles(seconds, n=100, method="inclusive")
    picked = {"p50": percentiles[49], "p90": percentiles[89], "p99": percentiles[98], "max": max(seconds)}
    return {name: round(value * 1e3, 1) for name, value in picked.items()}


def print_table(measured: Mapping[str, Any], crowd: Crowd) -> None:
    effect = ", ".join(f"{name} {value} ms" for name, value in measured["effect_ms"].items())
    print(f"\n{crowd.apis:,} APIs, {crowd.subscriptions:,} subscriptions, {PODS} pods")
    print(f"from 2xx to closed, on every pod: {effect}")
    print(f"a pod from nothing to ready: {', '.join(f'{s} s' for s in measured['cold_start_seconds'])}")
    print(f"a pod's memory: {measured['pod_bytes'] / 1e6:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
