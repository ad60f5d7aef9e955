"""Traffic as bars, one for each step of time. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from services.control_plane.usage.schemas import UsageItem, UsageReport
from services.control_plane.usage.steps import LENGTH

WIDTH: Final = 720
HEIGHT: Final = 160

_GAP: Final = 0.2
"""The part of a step's width that is left free."""


class Bar(NamedTuple):
    at: datetime
    sent: int
    received: int
    x: float
    width: float
    sent_height: float
    height: float


class Picture(NamedTuple):
    bars: list[Bar]
    highest: int


def draw(report: UsageReport) -> Picture:
    """Return a bar for each step, those without traffic too: messages sent stand on the ground, received on top."""
    counted = {item.at: item for item in report.items if item.at is not None}
    times = _times(report)
    highest = max((_messages(counted.get(at)) for at in times), default=0)
    width = WIDTH / max(1, len(times))
    return Picture([_bar(at, counted.get(at), index, width, highest) for index, at in enumerate(times)], highest)


def _times(report: UsageReport) -> Sequence[datetime]:
    if report.step == "total":
        return []
    length = LENGTH[report.step]
    return [report.since + length * index for index in range(int((report.until - report.since) / length))]


def _messages(item: UsageItem | None) -> int:
    return item.messages_published + item.messages_delivered if item else 0


def _bar(at: datetime, item: UsageItem | None, index: int, width: float, highest: int) -> Bar:
    scale = HEIGHT / highest if highest else 0
    sent, received = (item.messages_published, item.messages_delivered) if item else (0, 0)
    return Bar(
        at=at,
        sent=sent,
        received=received,
        x=round(index * width + width * _GAP / 2, 2),
        width=round(width * (1 - _GAP), 2),
        sent_height=round(sent * scale, 2),
        height=round((sent + received) * scale, 2),
    )
