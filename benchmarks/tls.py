"""What TLS towards the clients costs: CPU time a relayed message, and memory a connection on which nothing happens."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.idle import compare_idle
from benchmarks.harness.load import Workload
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair
from benchmarks.relay import CPU, NOTES

NATIVE = [Pair("framegate", peer) for peer in ("haproxy", "nginx")]
NATIVE_64K = [Pair("framegate", peer) for peer in ("haproxy-64k", "nginx-64k")]
AIOHTTP = [Pair("framegate", "aiohttp")]
WORKLOADS: Mapping[Workload, Sequence[Pair]] = {
    Workload("tls-pingpong-32", connections=32): [*NATIVE, *AIOHTTP],
    Workload("tls-16KiB", connections=32, size=16 << 10): [*NATIVE, *NATIVE_64K, *AIOHTTP],
}
IDLE_TIMES = 3


def main() -> int:
    parser = make_parser("tls", __doc__, times=9, seconds=0.6)
    parser.add_argument("--connections", type=int, default=1000, help="that are idle (%(default)s)")
    return run_benchmark(partial(run, read_options(parser, quick_times=2)))


def run(options: Options, folder: Path) -> None:
    workloads = {workload: options.choose_pairs(pairs) for workload, pairs in WORKLOADS.items()}
    peers = names_in(pair for pairs in workloads.values() for pair in pairs)
    with open_bench(folder, options.seconds, peers, with_tls=True) as bench:
        measured = [bench.measure(workload, pairs, options.times, CPU, NOTES) for workload, pairs in workloads.items()]
    idle = options.choose_pairs([*NATIVE, *AIOHTTP])
    with open_bench(folder, options.seconds, names_in(idle), start=False, with_tls=True) as bench:
        times = min(options.times, IDLE_TIMES)
        measured.append(compare_idle(bench, "tls-idle", options.given.connections, idle, times))
    bench.save("tls", options, measured)


if __name__ == "__main__":
    sys.exit(main())
