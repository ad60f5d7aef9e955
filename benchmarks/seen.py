"""What it costs a relayed message that operators see all: metrics, usage, logs and traces on, against off."""

import sys
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair
from benchmarks.relay import CPU, NAMES, NOTES, WORKLOADS

SEEN = Pair("framegate-seen", "framegate-unseen")

SECONDS = 10.0
"""As often as a pod sends its usage, and is scraped: each run has one of both."""


def main() -> int:
    parser = make_parser("seen", __doc__, times=5, seconds=SECONDS)
    parser.add_argument("--workload", action="append", choices=NAMES, help="only this one; may be repeated")
    return run_benchmark(partial(run, read_options(parser, quick_times=2)))


def run(options: Options, folder: Path) -> None:
    wanted = options.given.workload or (["pingpong-32"] if options.given.quick else NAMES)
    pairs = options.choose_pairs([SEEN])
    workloads = {workload: pairs for workload in WORKLOADS if workload.name in wanted}
    with open_bench(folder, options.seconds, names_in(pairs), start=False) as bench:
        bench.save("seen", options, bench.measure_anew(workloads, options.times, CPU, NOTES))


if __name__ == "__main__":
    sys.exit(main())
