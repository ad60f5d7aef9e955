"""The spans of time that usage is summed over."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

Step = Literal["minute", "hour", "day"]

LENGTH: Final[Mapping[Step, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
STEPS: Final[tuple[Step, ...]] = tuple(LENGTH)
KEPT: Final[Mapping[Step, timedelta]] = {
    "minute": timedelta(days=2),
    "hour": timedelta(days=62),
    "day": timedelta(days=3 * 366),
}


def floor(time: datetime, step: Step) -> datetime:
    """Return the beginning of the span that a time is in, by UTC."""
    length = LENGTH[step].total_seconds()
    return datetime.fromtimestamp(time.timestamp() // length * length, UTC)


def ceiling(time: datetime, step: Step) -> datetime:
    """Return the end of the span that a time is in, or the time itself where a span begins."""
    began = floor(time, step)
    return began if began == time else began + LENGTH[step]
