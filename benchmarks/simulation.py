"""How leases do where no machine is large enough: 1,000 pods, 100,000 applications, a load as skewed as Zipf's law.

Applications don't affect each other, so a sample of them is simulated, in strata of their rank, and stands for all.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from benchmarks.harness import results
from benchmarks.harness.layout import table
from benchmarks.simulated.application import WINDOW_SECONDS, Outcome, Simulation

PODS = 1000
APPLICATIONS = 100_000
MESSAGES_A_SECOND = 1_000_000
CONNECTION_RATE = 1.0
"""Messages a second of one connection; an application has as many as it needs, each on any pod."""

LIMITS = {"twice what is sent": 2.0, "a tenth more than is sent": 1.1, "half of what is sent": 0.5}
BANDS = (1, 10, 100, 1000, 10_000, APPLICATIONS + 1)
HARMONIC = sum(1 / rank for rank in range(1, APPLICATIONS + 1))


@dataclass(frozen=True, slots=True)
class Simulated:
    """One application under one limit, and how many it stands for."""

    rank: int
    stands_for: float
    limit: str
    pods: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Summary:
    """What a band of ranks did, all applications together.

    `passed_of_possible` is what passed, of what was sent or of what the limits allow, whichever is less.
    """

    ranks: str
    limit: str
    pods: float
    messages_a_second: float
    questions_a_second: float
    questions_a_message: float
    passed_of_possible: float
    fairness: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run bench simulation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller sample")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    simulated = list(simulate(given.seed, sample=1 if given.quick else 8))
    summaries = [
        summarise(
            f"{first}-{last - 1}", limit, [one for one in simulated if one.limit == limit and first <= one.rank < last]
        )
        for limit in LIMITS
        for first, last in [*pairwise(BANDS), (1, APPLICATIONS + 1)]
    ]
    print(lay_out(summaries))
    body: Mapping[str, object] = {
        "method": {"pods": PODS, "applications": APPLICATIONS, "window_seconds": WINDOW_SECONDS, "seed": given.seed},
        "summaries": [asdict(summary) for summary in summaries],
    }
    print(
        f"written to {results.save('simulation', body, trial=given.quick or given.seed != parser.get_default('seed'))}"
    )
    return 0


def simulate(seed: int, sample: int) -> Iterator[Simulated]:
    """Run the sample, each of its applications under each limit. There is more of those that cost little."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    first = 1
    while first <= APPLICATIONS:
        last = min(2 * first, APPLICATIONS + 1)
        size = min(last - first, sample if first < 1000 else 8 * sample)
        for rank in sorted(dice.sample(range(first, last), size)):
            rates = spread_out(MESSAGES_A_SECOND / HARMONIC / rank, dice)
            for limit, factor in LIMITS.items():
                amount = max(1, round(sum(rates) * WINDOW_SECONDS * factor))
                outcome = Simulation(rates, amount, seed=rank).run()
                yield Simulated(rank, (last - first) / size, limit, len(rates), outcome)
        first = last


def spread_out(rate: float, dice: random.Random) -> list[float]:
    """Return what arrives at each pod that has connections of an application."""
    connections = max(1, round(rate / CONNECTION_RATE))
    placed = Counter(dice.randrange(PODS) for _ in range(connections))
    return [rate * there / connections for there in placed.values()]


def summarise(ranks: str, limit: str, simulated: Sequence[Simulated]) -> Summary:
    def total(values: Iterable[float]) -> float:
        return sum(one.stands_for * value for one, value in zip(simulated, values, strict=True))

    outcomes = [one.outcome for one in simulated]
    demand, questions = total(one.demand for one in outcomes), total(one.questions for one in outcomes)
    return Summary(
        ranks=ranks,
        limit=limit,
        pods=total(one.pods for one in simulated) / total(1 for _ in simulated),
        messages_a_second=demand / WINDOW_SECONDS,
        questions_a_second=questions / WINDOW_SECONDS,
        questions_a_message=questions / demand,
        passed_of_possible=total(one.passed for one in outcomes)
        / total(min(one.demand, one.amount) for one in outcomes),
        fairness=total(one.fairness for one in outcomes) / total(1 for _ in simulated),
    )


def lay_out(summaries: Sequence[Summary]) -> str:
    head = [
        "the limit is",
        "ranks",
        "pods each",
        "messages/s",
        "questions/s",
        "a message",
        "passed of possible",
        "Jain",
    ]
    rows = [
        [
            one.limit,
            one.ranks,
            f"{one.pods:.1f}",
            f"{one.messages_a_second:,.0f}",
            f"{one.questions_a_second:,.0f}",
            f"{one.questions_a_message:.3f}",
            f"{one.passed_of_possible:.2%}",
            f"{one.fairness:.3f}",
        ]
        for one in summaries
    ]
    return table(head, rows)


if __name__ == "__main__":
    sys.exit(main())
