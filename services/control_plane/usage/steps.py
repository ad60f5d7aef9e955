"""The spans of time that usage is summed over."""

from collections.abc import Mapping
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final, Literal

from services.control_plane.kit.problems import InvalidError

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


def read_month(text: str) -> datetime:
    """Return the first moment of a month such as 2026-01. Raises `InvalidError`."""
    try:
        return datetime.strptime(f"{text} +0000", "%Y-%m %z").astimezone(UTC)
    except ValueError as error:
        raise InvalidError.of("month", "must be a month such as 2026-01") from error


def month_of(time: datetime) -> datetime:
    """Return the first moment of the month that a time is in, by UTC."""
    return datetime(time.year, time.month, 1, tzinfo=UTC)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the month after it. Raises `InvalidError` where there is none."""
    if (month.year, month.month) == (MAXYEAR, 12):
        raise InvalidError.of("month", "is the last that there is")
    return month_of(month + timedelta(days=31))
