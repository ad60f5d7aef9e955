"""Very many connections over two pods of two workers: memory, CPU time, and a storm of reconnects."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import results
from benchmarks.harness.bench import run_benchmark
from benchmarks.harness.cores import pick_cores
from benchmarks.harness.cpu import spent_seconds
from benchmarks.harness.descriptors import most_connections
from benchmarks.harness.installation import Installation, open_installation
from benchmarks.harness.load import Connected, Load, Workload, open_load
from benchmarks.harness.machine import describe_framegate
from benchmarks.harness.resident import settled_bytes
from benchmarks.harness.target import Target

PODS = 2
WORKERS = 2
CONNECTIONS = 12_000
STORM = 3_000
QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Scale:
    connections: int
    storm: int
    quiet_seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="with 1,000 connections and a storm of 300")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="over both pods (%(default)s)")
    given = parser.parse_args()
    scale = Scale(1000, 300, 2.0) if given.quick else Scale(given.connections, STORM, QUIET_SECONDS)
    return run_benchmark(partial(run, scale, trial=given.quick or given.connections < CONNECTIONS))


def run(scale: Scale, folder: Path, *, trial: bool) -> None:
    cores = pick_cores()
    each = scale.connections // PODS
    if each > most_connections():
        sys.exit(f"one generator can hold {most_connections()} connections: ask for fewer, or raise the limit")
    with open_installation(folder) as installation, ExitStack() as stack:
        sites = [_open_site(installation, stack, number, folder, cores.load) for number in range(PODS)]
        measured = measure(scale, sites)
    print_table(measured)
    body = {
        "versions": {"framegate": describe_framegate()},
        "method": {"times": 1, "pods": PODS, "workers": WORKERS, "quiet_seconds": scale.quiet_seconds},
        "workloads": [measured],
    }
    print(f"written to {results.save('scale', body, trial=trial)}")


@dataclass(frozen=True, slots=True)
class Way:
    """A generator, and the API that leads to its backend through a pod."""

    load: Load
    target: Target


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pod, with a way for connections that stay and one for those that storm in: each has a backend of its own."""

    idle: Way
    storm: Way


def _open_site(installation: Installation, stack: ExitStack, number: int, folder: Path, core: int) -> Loaded:
    name = f"pod {number}"
    ports, _ = installation.start_pod(name, workers=WORKERS)
    ways = []
    for purpose in ("idle", "storm"):
        load = stack.enter_context(_load(folder / f"{purpose}-{number}", core))
        path, header = _publish(installation, f"{purpose}{number}", load.backend_port)
        log = folder / f"{name.replace(' ', '-')}.log"
        target = Target(name, ports.port, log, path, headers=(header,), pids=(installation.pid_of(name),))
        ways.append(Way(load, target))
    return Loaded(*ways)


@contextmanager
def _load(folder: Path, core: int) -> Iterator[Load]:
    folder.mkdir()
    with open_load(core, folder, warm_seconds=0, seconds=0) as load:
        yield load


def _publish(installation: Installation, name: str, backend_port: int) -> tuple[str, str]:
    """Publish an API, and return its path and the header with which it is called."""
    api = {"name": name, "context": f"/{name}", "version": "1.0", "policies": ["Unlimited"]}
    endpoints = {"production": {"urls": [f"ws://127.0.0.1:{backend_port}"]}}
    made = installation.post("/publisher/v1/apis", {**api, "endpoints": endpoints})
    installation.post(f"/publisher/v1/apis/{made['id']}/lifecycle", {"action": "publish"})
    application = installation.post("/store/v1/applications", {"name": name, "policy": "Unlimited"})
    wanted = {"application_id": application["id"], "api_id": made["id"], "policy": "Unlimited"}
    installation.post("/store/v1/subscriptions", wanted)
    key = installation.post(f"/store/v1/applications/{application['id']}/keys", {"key_type": "PRODUCTION"})
    installation.catch_up()
    return f"/{name}/1.0", f"Authorization: Bearer {key['token']['access_token']}"


def measure(scale: Scale, sites: Sequence[Loaded]) -> dict[str, Any]:
    pids = [pid for site in sites for pid in site.idle.target.pids]
    for site in sites:
        site.idle.load.run(site.idle.target, Workload("first connections", 32))
    without = settled_bytes(pids)
    with ExitStack() as stack:
        idle = Workload("idle connections", scale.connections // PODS)
        held = [stack.enter_context(site.idle.load.connected(site.idle.target, idle)) for site in sites]
        with_ = settled_bytes(pids)
        quiet = _cpu_share(pids, scale.quiet_seconds)
        storms = [_storm(scale, site.storm) for site in sites]
        alive = sum(_answers(connections) for connections in held)
    return {
        "name": "scale",
        "connections": alive,
        "bytes_a_connection": round((with_ - without) / scale.connections),
        "pods_bytes": with_,
        "idle_cpu_share": round(quiet, 4),
        "storm": {
            "reconnects": scale.storm,
            "max_seconds": max(storm["max_seconds"] for storm in storms),
            "of": storms,
        },
    }


def _cpu_share(pids: Sequence[int], seconds: float) -> float:
    """Return how much of one core the pods take while nothing but pings happens."""
    before, began = spent_seconds(pids), time.monotonic()
    time.sleep(seconds)
    return (spent_seconds(pids) - before) / (time.monotonic() - began)


def _storm(scale: Scale, way: Way) -> dict[str, float]:
    """Have all come at once: each connects, sends, gets its answer, and closes."""
    workload = Workload("storm", scale.storm, reconnect=True, handshakes=scale.storm)
    sample = replace(way.load, seconds=1).run(way.target, workload)
    p50, p99, longest = (round(sample.round_us[name] / 1e6, 2) for name in ("p50", "p99", "max"))
    return {"seconds": round(sample.seconds, 2), "p50_seconds": p50, "p99_seconds": p99, "max_seconds": longest}


def _answers(connections: Connected) -> int:
    """Return how many connections still answer: a round on each, or the generator fails."""
    return connections.run().rounds


def print_table(measured: Mapping[str, Any]) -> None:
    storm = measured["storm"]
    print(f"\n{measured['connections']:,} connections on {PODS} pods of {WORKERS} workers, all of which answered")
    print(f"{measured['bytes_a_connection']:,} bytes a connection, {measured['pods_bytes'] / 1e6:.0f} MB in all")
    print(f"idle, they take {measured['idle_cpu_share']:.1%} of a core")
    for one in storm["of"]:
        print(
            f"{storm['reconnects']:,} reconnects at once on one pod: over in {one['seconds']} s; "
            f"each took p50 {one['p50_seconds']} s, p99 {one['p99_seconds']} s, at most {one['max_seconds']} s"
        )


if __name__ == "__main__":
    sys.exit(main())
