"""A histogram whose values were counted elsewhere, by powers of two: many at once are added, not each observed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily


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
        self._counts: dict[tuple[str, ...], Counter[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def add(self, labels: tuple[str, ...], counts: Mapping[int, int], total: float) -> None:
        """Add so many values by exponent, which are `total` together."""
        self._counts.setdefault(labels, Counter()).update(counts)
        self._sums[labels] = self._sums.get(labels, 0.0) + total

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for labels, counts in self._counts.items():
            buckets = [(bound, sum(n for e, n in counts.items() if e <= most)) for most, bound in self._bounds]
            family.add_metric(labels, [*buckets, ("+Inf", counts.total())], self._sums[labels])
        yield family
