"""Comparing two proxies on a machine that is never quiet: runs right after another, in swapped order.

What the machine does meanwhile, and how it drifts, hits both runs of a pair alike. So the ratio of a pair says more
than the figures, and the median of many pairs more than one.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.harness.load import Sample
from benchmarks.harness.spread import Spread


@dataclass(frozen=True, slots=True)
class Comparison:
    """All samples of each proxy, and the subject's ratio to each peer, pair by pair."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    ratios: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def cpu_us(self, name: str) -> Spread:
        return Spread.of([sample.cpu_us for sample in self.samples[name]])


def compare(subject: str, runs: Mapping[str, Callable[[], Sample]], pairs: int) -> Comparison:
    """Measure the subject beside each other proxy: `pairs` times, each time in the other order."""
    for run in runs.values():
        run()  # warm-up, thrown away
    result = Comparison()
    for index in range(pairs):
        for peer in [name for name in runs if name != subject]:
            order = (subject, peer) if index % 2 == 0 else (peer, subject)
            sample = {name: runs[name]() for name in order}
            for name in order:
                result.samples[name].append(sample[name])
            result.ratios[peer].append(sample[subject].cpu_us / sample[peer].cpu_us)
    return result
