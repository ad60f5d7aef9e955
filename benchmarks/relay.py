"""How much CPU time a relayed message costs: Framegate beside native proxies and a plain aiohttp relay."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.harness.bench import names_in, open_bench, run_benchmark
from benchmarks.harness.figures import Figure
from benchmarks.harness.load import Sample, Workload
from benchmarks.harness.notes import make_notes
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Pair
from benchmarks.peers.framegate import is_compiled

CPU = Figure[Sample]("cpu_us_a_message", "CPU us a message", lambda sample: sample.cpu_us)
NOTES = make_notes("messages", lambda sample: sample.messages)

NATIVE = ("nginx", "haproxy")
NATIVE_LARGE = ("nginx", "nginx-64k", "haproxy", "haproxy-64k")

WORKLOADS: Mapping[Workload, Sequence[str]] = {
    Workload("pingpong-1", connections=1): NATIVE,
    Workload("pingpong-32", connections=32): NATIVE,
    Workload("pingpong-256", connections=256): NATIVE,
    Workload("burst-10-up", connections=32, up=10): NATIVE,
    Workload("burst-10-down", connections=32, down=10): NATIVE,
    Workload("burst-100-up", connections=32, up=100): NATIVE_LARGE,
    Workload("burst-100-down", connections=32, down=100): NATIVE_LARGE,
    Workload("16KiB", connections=32, size=16 << 10): NATIVE_LARGE,
    Workload("1MiB", connections=4, size=1 << 20): NATIVE_LARGE,
}
NAMES = [workload.name for workload in WORKLOADS]


def main() -> int:
    parser = make_parser("relay", __doc__, times=9, seconds=0.6)
    parser.add_argument("--workload", action="append", choices=NAMES, help="only this one; may be repeated")
    return run_benchmark(partial(run, read_options(parser, quick_times=5)))


def run(options: Options, folder: Path) -> None:
    workloads = plan(options)
    peers = names_in(pair for pairs in workloads.values() for pair in pairs)
    with open_bench(folder, options.seconds, peers, start=False) as bench:
        bench.save("relay", options, bench.measure_anew(workloads, options.times, CPU, NOTES))


def plan(options: Options) -> dict[Workload, list[Pair]]:
    """Return who is compared, workload by workload."""
    quick = options.given.quick
    wanted = options.given.workload or (["pingpong-32"] if quick else NAMES)
    return {
        workload: options.choose_pairs(usual_pairs(native, quick=quick))
        for workload, native in WORKLOADS.items()
        if workload.name in wanted
    }


def usual_pairs(native: Sequence[str], *, quick: bool) -> list[Pair]:
    if quick:
        return [Pair("framegate", peer) for peer in ("nginx", "aiohttp")]
    pairs = [Pair("framegate", peer) for peer in (*native, "aiohttp", "framegate-unlimited")]
    if is_compiled():  # else it is the same once more
        pairs += [Pair("framegate-pure", peer) for peer in native]
    return pairs


if __name__ == "__main__":
    sys.exit(main())
