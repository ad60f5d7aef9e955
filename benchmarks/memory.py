"""How much memory a proxy keeps for a connection on which nothing happens."""

import sys
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.descriptors import most_connections
from benchmarks.harness.idle import compare_idle
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair

USUAL = [Pair("framegate", peer) for peer in ("haproxy", "nginx", "aiohttp")]
FEW = 5000
QUICK = 1000


def main() -> int:
    parser = make_parser("memory", __doc__, times=3)
    parser.add_argument("--connections", type=int, action="append", help="instead of 5,000 and as many as possible")
    return run_benchmark(partial(run, read_options(parser, quick_times=1)))


def run(options: Options, folder: Path) -> None:
    pairs = options.choose_pairs(USUAL)
    most = most_connections()
    counts = options.given.connections or ([QUICK] if options.given.quick else [FEW, most])
    with open_bench(folder, options.seconds, names_in(pairs), start=False) as bench:
        measured = [
            compare_idle(bench, f"idle-{min(count, most)}", min(count, most), pairs, options.times)
            for count in dict.fromkeys(counts)
        ]
        bench.save("memory", options, measured)


if __name__ == "__main__":
    sys.exit(main())
