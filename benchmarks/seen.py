"""What it costs a relayed message that operators see all: metrics, usage, logs and traces on, against off."""

import sys
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.figures import as_json, as_table
from benchmarks.harness.load import Sample
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Comparison, Pair
from benchmarks.peers.registry import PEERS
from benchmarks.relay import CPU, NAMES, NOTES, WORKLOADS

SEEN = Pair("framegate-seen", "framegate-unseen")

SECONDS = 10.0
"""As often as a pod sends its usage, and is scraped: each run has one of both."""


def main() -> int:
    parser = make_parser("seen", __doc__, times=5, seconds=SECONDS)
    parser.add_argument("--workload", action="append", choices=NAMES, help="only this one; may be repeated")
    return run_benchmark(partial(run, read_options(parser, quick_times=2)))


def run(options: Options, folder: Path) -> None:
    """Start both anew for each pair: where its objects come to lie makes a process up to a tenth cheaper or dearer."""
    wanted = options.given.workload or (["pingpong-32"] if options.given.quick else NAMES)
    compared = {workload: Comparison[Sample]() for workload in WORKLOADS if workload.name in wanted}
    pairs = options.choose_pairs([SEEN])
    names = names_in(pairs)
    with open_bench(folder, options.seconds, names, start=False) as bench:
        for index in range(options.times):
            with ExitStack() as stack:
                targets = {name: stack.enter_context(PEERS[name].start(bench.site)) for name in names}
                for (workload, comparison), pair in product(compared.items(), pairs):
                    order = (pair.subject, pair.peer) if index % 2 == 0 else (pair.peer, pair.subject)
                    sample = {name: bench.load.run(targets[name], workload) for name in order}
                    comparison.add(pair, sample[pair.subject], sample[pair.peer])
        for workload, comparison in compared.items():
            print(f"\n{workload}\n{as_table(comparison, [CPU], NOTES)}", flush=True)
        bench.save("seen", options, [{**asdict(each), **as_json(all_, [CPU])} for each, all_ in compared.items()])


if __name__ == "__main__":
    sys.exit(main())
