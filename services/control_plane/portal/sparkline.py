"""Traffic as a line so small that it fits into a row. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 96
HEIGHT: Final = 24

_EDGE: Final = 2


class Sparkline(NamedTuple):
    points: str
    total: int


def sketch(values: Sequence[int]) -> Sparkline:
    """Return the points of a line from edge to edge, as high as its highest value."""
    highest, steps = max(values, default=0) or 1, max(1, len(values) - 1)
    return Sparkline(
        " ".join(
            f"{round(index * WIDTH / steps, 1):g},{round(HEIGHT - _EDGE - value * (HEIGHT - 2 * _EDGE) / highest, 1):g}"
            for index, value in enumerate(values)
        ),
        sum(values),
    )
