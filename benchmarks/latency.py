"""How much later an answer comes through a proxy than directly, at a rate that is set."""

import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import Bench, names_in, open_bench, run_benchmark
from benchmarks.harness.figures import Figure, as_json, as_table
from benchmarks.harness.load import Sample, Workload
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Comparison, Pair
from benchmarks.peers.direct import DIRECT

_WARM_SECONDS = 1.0  # each run is a process's first one

USUAL = [Pair("framegate", peer) for peer in ("haproxy", "nginx", "aiohttp")]


@dataclass(frozen=True, slots=True)
class Added:
    """A run through a proxy, and one without it right before."""

    direct: Sample
    through: Sample

    def us(self, percentile: str) -> float:
        return self.through.round_us[percentile] - self.direct.round_us[percentile]


FIGURES = [
    Figure[Added]("added_p50_us", "added p50 us", lambda added: added.us("p50")),
    Figure[Added]("added_p99_us", "added p99 us", lambda added: added.us("p99")),
]


def main() -> int:
    parser = make_parser("latency", __doc__, times=15, seconds=4)
    parser.add_argument("--rate", type=int, default=2000, help="messages that clients send a second (%(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="(%(default)s)")
    return run_benchmark(partial(run, read_options(parser, quick_times=2)))


def run(options: Options, folder: Path) -> None:
    pairs = options.choose_pairs(USUAL)
    workload = Workload("latency", options.given.connections, rate=options.given.rate)
    comparison = Comparison[Added]()
    with open_bench(folder, options.seconds, names_in(pairs), start=False, warm_seconds=_WARM_SECONDS) as bench:
        for index in range(options.times):
            for pair in pairs:
                comparison.measure(pair, partial(added, bench, workload), index)
        print(f"\n{workload}\n{as_table(comparison, FIGURES)}")
        bench.save("latency", options, [{**asdict(workload), **as_json(comparison, FIGURES)}])


def added(bench: Bench, workload: Workload, name: str) -> Added:
    """Measure a proxy that was started for that: the timers of another one would count as its delays."""
    with bench.started([name]) as alone:
        return Added(direct=alone.run(DIRECT.name, workload), through=alone.run(name, workload))


if __name__ == "__main__":
    sys.exit(main())
