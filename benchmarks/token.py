"""Access tokens a second of CPU time, by client credentials over HTTP: sign, database and web server included."""

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from os import sched_setaffinity
from pathlib import Path
from statistics import median

from benchmarks.harness import results, tokens
from benchmarks.harness.bench import names_in, run_benchmark
from benchmarks.harness.cores import pick_cores
from benchmarks.harness.figures import Figure, as_json, as_table
from benchmarks.harness.pairs import Pair, compare
from benchmarks.harness.target import Site
from benchmarks.harness.tokens import Issued
from benchmarks.peers import issuing_authlib, issuing_framegate

PAIRS = [Pair(issuing_framegate.NAME, issuing_authlib.NAME)]
PEERS = {peer.NAME: peer for peer in (issuing_framegate, issuing_authlib)}

A_CPU_SECOND = Figure[Issued]("tokens_a_cpu_second", "tokens a CPU second", lambda run: run.a_cpu_second)
NOTES = {
    "tokens/s": lambda runs: f"{median(run.tokens / run.seconds for run in runs):.0f}",
    "beside it, CPU ms a token": lambda runs: (
        f"{median(run.beside_cpu_seconds / run.tokens * 1e3 for run in runs):.2f}"
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench token", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, in half a minute or so")
    parser.add_argument("--pairs", type=int, default=9, help="how often each pair is measured (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each run lasts (%(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="clients at once (%(default)s)")
    given = parser.parse_args()
    usual = parser.parse_args([])
    trial = given.quick or given.connections != usual.connections
    trial = trial or given.pairs < usual.pairs or given.seconds < usual.seconds
    times, seconds = (min(given.pairs, 3), min(given.seconds, 2.0)) if given.quick else (given.pairs, given.seconds)
    return run_benchmark(partial(run, times, seconds, given.connections, trial=trial))


def run(times: int, seconds: float, connections: int, folder: Path, *, trial: bool) -> None:
    cores = pick_cores()
    site = Site(0, folder, cores, connections)
    versions = {name: peer.describe() for name, peer in PEERS.items()}
    with ExitStack() as stack:
        issuers = {name: stack.enter_context(PEERS[name].start(site)) for name in names_in(PAIRS)}
        sched_setaffinity(0, {cores.load})
        runs = {name: partial(tokens.run, issuer, connections, seconds) for name, issuer in issuers.items()}
        comparison = compare(PAIRS, runs, times)
    print(as_table(comparison, [A_CPU_SECOND], NOTES), flush=True)
    workload = {"name": "client-credentials", "connections": connections, **as_json(comparison, [A_CPU_SECOND])}
    method = {"times": times, "seconds": seconds, "cores": asdict(cores)}
    body: Mapping[str, object] = {"versions": versions, "method": method, "workloads": [workload]}
    print(f"written to {results.save('token', body, trial=trial)}")


if __name__ == "__main__":
    sys.exit(main())
