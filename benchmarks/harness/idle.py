"""What connections cost while nothing happens on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.harness.bench import Bench, names_in
from benchmarks.harness.figures import Figure, as_json, as_table
from benchmarks.harness.load import Load, Workload
from benchmarks.harness.pairs import Comparison, Pair
from benchmarks.harness.resident import settled_bytes
from benchmarks.harness.target import Target
from benchmarks.peers.registry import PEERS

_FIRST_ONES = 32  # whatever is loaded for the first connection belongs to none


@dataclass(frozen=True, slots=True)
class Idle:
    """Resident memory without and with so many connections; `beside` is what grew beside the proxy itself."""

    connections: int
    bytes_without: int
    bytes_with: int
    beside_bytes: int

    @property
    def bytes_a_connection(self) -> float:
        return (self.bytes_with - self.bytes_without) / self.connections


MEMORY = Figure[Idle]("bytes_a_connection", "bytes a connection", lambda idle: idle.bytes_a_connection)
_NOTES = {
    "without MiB": lambda samples: f"{samples[-1].bytes_without / 2**20:.1f}",
    "with MiB": lambda samples: f"{samples[-1].bytes_with / 2**20:.1f}",
}


def compare_idle(bench: Bench, name: str, connections: int, pairs: Sequence[Pair], times: int) -> dict[str, object]:
    """Measure each proxy so many times, a new process each time. Print a table; return all of it for JSON."""
    names = names_in(pairs)
    comparison = Comparison[Idle]()
    site = replace(bench.site, connections=connections)
    for index in range(times):
        for peer in names if index % 2 == 0 else reversed(names):
            with PEERS[peer].start(site) as target:
                comparison.samples[peer].append(hold_idle(bench.load, target, connections))
        for pair in pairs:
            comparison.pairs[pair].append((comparison.samples[pair.subject][-1], comparison.samples[pair.peer][-1]))
    print(f"\n{name}: {connections} idle connections\n{as_table(comparison, [MEMORY], _NOTES)}", flush=True)
    return {"name": name, "connections": connections, **as_json(comparison, [MEMORY])}


def hold_idle(load: Load, target: Target, connections: int) -> Idle:
    """Open connections one after the other, with a message and an answer on each, and let them rest."""
    load = replace(load, warm_seconds=0, seconds=0)
    load.run(target, Workload("first connections", _FIRST_ONES))
    without, beside_without = settled_bytes(target.pids), settled_bytes(target.beside)
    with load.connected(target, Workload("idle connections", connections)) as held:
        with_, beside_with = settled_bytes(target.pids), settled_bytes(target.beside)
        held.run()  # all of them still answer
    return Idle(connections, without, with_, beside_with - beside_without)
