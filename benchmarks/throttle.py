"""What limits cost: CPU time a message, questions put to Redis, and how long a message waits for quota."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.harness.bench import Bench, names_in, open_bench, run_benchmark
from benchmarks.harness.figures import Figure, as_json, as_table
from benchmarks.harness.load import Sample, Workload
from benchmarks.harness.options import Options, make_parser, read_options
from benchmarks.harness.pairs import Comparison, Pair, compare
from benchmarks.harness.spread import Spread

METERED = Pair("framegate", "framegate-unlimited")
USUAL = [METERED, Pair("aiohttp-asking", "aiohttp")]
CLOSED = Workload("metered-32", connections=32)
MESSAGES_A_ROUND = 2  # there and back, and both are metered


@dataclass(frozen=True, slots=True)
class Counted:
    """A run, and how many questions were put to Redis in it."""

    run: Sample
    questions: int

    @property
    def a_message(self) -> float:
        return self.questions / self.run.messages


CPU = Figure[Counted]("cpu_us_a_message", "CPU us a message", lambda counted: counted.run.cpu_us)
P99 = Figure[Counted]("round_p99_us", "round p99 us", lambda counted: counted.run.round_us["p99"])
NOTES = {
    "questions a message": lambda samples: f"{median(one.a_message for one in samples):.5f}",
    "Redis' CPU us a message": lambda samples: str(
        Spread.of([one.run.beside_cpu_seconds / one.run.messages * 1e6 for one in samples])
    ),
    "messages/s": lambda samples: str(Spread.of([one.run.messages / one.run.seconds for one in samples])),
}


def main() -> int:
    parser = make_parser("throttle", __doc__, times=9, seconds=2)
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second, where it is set (%(default)s)")
    return run_benchmark(partial(run, read_options(parser, quick_times=3)))


def run(options: Options, folder: Path) -> None:
    pairs = options.choose_pairs(USUAL)
    rate = options.given.rate // MESSAGES_A_ROUND
    at_a_rate = Workload(f"{options.given.rate}-a-second", connections=32, rate=rate)
    with open_bench(folder, options.seconds, names_in([*pairs, METERED])) as bench:
        measured = [
            measure(bench, CLOSED, pairs, options.times, CPU),
            measure(bench, at_a_rate, [METERED], options.times, P99),
        ]
        bench.save("throttle", options, measured)


def measure(
    bench: Bench, workload: Workload, pairs: Sequence[Pair], times: int, figure: Figure[Counted]
) -> dict[str, object]:
    """Load the pairs' proxies. Print tables; return all of it for JSON."""
    runs = {name: partial(count, bench, name, workload) for name in names_in(pairs)}
    comparison = compare(pairs, runs, times)
    print(f"\n{workload}\n{as_table(comparison, [figure], NOTES)}", flush=True)
    body = {**asdict(workload), **as_json(comparison, [figure]), "questions_a_message": questions(comparison)}
    if workload.rate:
        waits = Spread.of([figure.of(metered) - figure.of(free) for metered, free in comparison.pairs[METERED]])
        print(f"a round with limits takes longer, p99: {waits} us")
        body["wait_p99_us"] = waits.rounded()
    return body


def count(bench: Bench, name: str, workload: Workload) -> Counted:
    target = bench.targets[name]
    ask = target.questions or (lambda: 0)
    with bench.load.connected(target, workload) as connections:
        before = ask()
        sample = connections.run()
        return Counted(sample, ask() - before)


def questions(comparison: Comparison[Counted]) -> Mapping[str, Mapping[str, float]]:
    return {name: comparison.spread(name, lambda one: one.a_message).rounded() for name in comparison.samples}


if __name__ == "__main__":
    sys.exit(main())
