"""What repeated measurements say: the middle, and how far they lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median, quantiles
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the quartiles."""

    median: float
    q1: float
    q3: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        q1, _, q3 = quantiles(values, n=4, method="inclusive")
        return cls(median(values), q1, q3)

    def rounded(self) -> dict[str, float]:
        """Return five digits of each, for JSON."""
        return {name: float(f"{getattr(self, name):.5g}") for name in ("median", "q1", "q3")}

    def __str__(self) -> str:
        digits = next(count for count, least in ((3, 1), (2, 10), (1, 100), (0, inf)) if self.median < least)
        return f"{self.median:.{digits}f} [{self.q1:.{digits}f}, {self.q3:.{digits}f}]"
