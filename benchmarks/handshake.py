"""How much CPU time it costs a proxy to let a connection through: connect, one message and its answer, close."""

import sys
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.figures import Figure
from benchmarks.harness.load import Sample, Workload
from benchmarks.harness.notes import make_notes
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair

CPU = Figure[Sample]("cpu_ms_a_handshake", "CPU ms a handshake", lambda sample: sample.cpu_ms_a_round)
NOTES = make_notes("handshakes", lambda sample: sample.rounds)
USUAL = [Pair("framegate", peer) for peer in ("nginx", "haproxy", "aiohttp")]


def main() -> int:
    parser = make_parser("handshake", __doc__, times=9, seconds=1.5)
    parser.add_argument("--concurrency", type=int, default=8, help="connections at a time (%(default)s)")
    parser.add_argument(
        "--tokens", type=int, default=0, help="so many handshakes a run, each with a token not seen before"
    )
    return run_benchmark(partial(run, read_options(parser, quick_times=3)))


def run(options: Options, folder: Path) -> None:
    pairs = options.choose_pairs(USUAL)
    tokens = options.given.tokens
    name = "handshake-tokens" if tokens else "handshake"
    workload = Workload(name, options.given.concurrency, reconnect=True, handshakes=tokens)
    with open_bench(folder, options.seconds, names_in(pairs), start=False) as bench:
        bench.save(name, options, bench.measure_anew({workload: pairs}, options.times, CPU, NOTES))


if __name__ == "__main__":
    sys.exit(main())
