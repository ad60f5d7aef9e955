"""Comparing proxies on a machine that is never quiet: two run right after another, in swapped order each time.

What the machine does meanwhile, and how it drifts, hits both runs of a pair alike. So the ratio of a pair says more
than the figures, and the median of many pairs more than one.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from benchmarks.harness.spread import Spread

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Pair:
    """Who is compared with whom."""

    subject: str
    peer: str


@dataclass(frozen=True)  # no slots: Python 3.11 sets an attribute on what is made of a generic
class Comparison(Generic[S]):
    """All samples of each proxy, and those of each pair, subject first."""

    samples: dict[str, list[S]] = field(default_factory=lambda: defaultdict(list))
    pairs: dict[Pair, list[tuple[S, S]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Pair, subject: S, peer: S) -> None:
        self.samples[pair.subject].append(subject)
        self.samples[pair.peer].append(peer)
        self.pairs[pair].append((subject, peer))

    def measure(self, pair: Pair, run: Callable[[str], S], index: int) -> None:
        """Run both, each time in the other order."""
        order = (pair.subject, pair.peer) if index % 2 == 0 else (pair.peer, pair.subject)
        sample = {name: run(name) for name in order}
        self.add(pair, sample[pair.subject], sample[pair.peer])

    def spread(self, name: str, figure: Callable[[S], float]) -> Spread:
        return Spread.of([figure(sample) for sample in self.samples[name]])

    def ratios(self, pair: Pair, figure: Callable[[S], float]) -> list[float]:
        """Return the subject's ratio to the peer, pair by pair."""
        return [figure(subject) / figure(peer) for subject, peer in self.pairs[pair]]


def compare(pairs: Sequence[Pair], runs: Mapping[str, Callable[[], S]], times: int) -> Comparison[S]:
    """Measure each pair so many times, each time in the other order."""
    for run in runs.values():
        run()  # warm-up, thrown away
    result = Comparison[S]()
    for index in range(times):
        for pair in pairs:
            result.measure(pair, lambda name: runs[name](), index)
    return result
