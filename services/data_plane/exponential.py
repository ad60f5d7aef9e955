"""A histogram by powers of two: cheaper than the library's, and what was counted elsewhere can be added."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily

from services.data_plane.frames.scanner import exponent_of


class Exponential:
    """Its buckets are at `unit` times two to the power of each of `exponents`."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        exponents: Sequence[int],
        unit: float = 1.0,
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = [(exponent, str(unit * 2**exponent)) for exponent in exponents]
        self._unit = unit
        self._counts: defaultdict[tuple[str, ...], Counter[int]] = defaultdict(Counter)
        self._sums: defaultdict[tuple[str, ...], float] = defaultdict(float)
        registry.register(self)

    def add(self, labels: tuple[str, ...], counts: Mapping[int, int], total: float) -> None:
        """Add so many values by exponent, which are `total` together."""
        known = self._counts[labels]
        for exponent, count in counts.items():
            known[exponent] += count
        self._sums[labels] += total

    def observe(self, values: Sequence[float], *labels: str) -> None:
        """Add values."""
        self._counts[labels].update([exponent_of(ceil(value / self._unit)) for value in values])
        self._sums[labels] += sum(values)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, counts in self._counts.items():
            buckets = [(bound, sum(n for e, n in counts.items() if e <= most)) for most, bound in self._bounds]
            family.add_metric(labels, [*buckets, ("+Inf", counts.total())], self._sums[labels])
        yield family
