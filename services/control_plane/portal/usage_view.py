"""Usage as pages show it: figures to choose from, one of them plotted, in parts, beside the range before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field
from sqlmodel import Session

from services.control_plane.kit.problems import InvalidError
from services.control_plane.portal.words import close_words
from services.control_plane.usage.analytics import MEASURES, Asked, By, Chart, Measure, before, draw, totals
from services.control_plane.usage.reports import Scope, Span, UsageReader
from services.control_plane.usage.schemas import FIRST_DAY, LAST_DAY, UsageQuery, UsageReport

STEPS: Final = (("minute", "Last hour"), ("hour", "Last day"), ("day", "Last 30 days"))
LABELS: Final[Mapping[Measure, str]] = {
    "messages": "Messages",
    "bytes": "Bytes",
    "connections": "Connections",
    "throttled": "Throttled",
    "errors": "Errors",
}
LINES: Final = {
    "messages_published": "from clients",
    "messages_delivered": "to clients",
    "bytes_published": "from clients",
    "bytes_delivered": "to clients",
    "opened": "opened",
    "messages_dropped": "dropped",
}

_PARTS: Final[Mapping[By, str]] = {
    "api": "by API",
    "version": "by version",
    "application": "by application",
    "cause": "by cause",
}
_MAX_DAYS: Final = 92
_HOURS_FOR: Final = timedelta(days=2)
"""So much is plotted by the hour; more by the day."""


def _nothing(value: object) -> object:
    return value or None


Day = Annotated[Annotated[date, Field(gt=FIRST_DAY, lt=LAST_DAY)] | None, BeforeValidator(_nothing)]


class Wanted(BaseModel):
    """What a page was asked for: a range, a figure, and its parts."""

    model_config = {"extra": "ignore"}

    step: Literal["minute", "hour", "day"] = "hour"
    since: Day = None
    until: Day = None
    measure: Measure = "messages"
    by: Annotated[By | None, BeforeValidator(_nothing)] = None
    compare: bool = False

    def query(self) -> UsageQuery:
        """Return the range that is meant. Raises `InvalidError`."""
        if not self.since and not self.until:
            return UsageQuery(step=self.step)
        until = _midnight(self.until or self.since) + timedelta(days=1)
        since = _midnight(self.since) if self.since else until - timedelta(days=30)
        if not since < until <= since + timedelta(days=_MAX_DAYS):
            raise InvalidError.of("until", f"must be after since, and at most {_MAX_DAYS} days later")
        return UsageQuery(step="hour" if until - since <= _HOURS_FOR else "day", since=since, until=until)

    def at(self, **changes: Any) -> str:
        """Return the query of the same page, with something else wanted."""
        values = self.model_dump(mode="json") | changes
        if "step" in changes:
            values |= {"since": None, "until": None}
        usual = type(self)().model_dump(mode="json")
        return urlencode({key: value for key, value in values.items() if value != usual[key] or key == "step"})


Asking = Annotated[Wanted, Query()]


class Tile(NamedTuple):
    measure: Measure
    label: str
    total: int
    change: str


@dataclass(frozen=True, slots=True)
class UsageView:
    """All that the templates of usage need. `place` is the page's own path."""

    place: str
    wanted: Wanted
    span: Span
    tiles: list[Tile]
    chart: Chart
    parts: list[tuple[str, str]]
    ends: UsageReport
    steps = STEPS
    lines = LINES
    words: Mapping[str, str]

    @property
    def label(self) -> str:
        return LABELS[self.wanted.measure]

    @property
    def at(self) -> Callable[..., str]:
        return self.wanted.at

    def name(self, line: str) -> str:
        """Return a line's name in words: of a direction, or of a cause."""
        return LINES.get(line) or self.cause(line)

    def cause(self, cause: str) -> str:
        """Return what a cause means; a name that is none stays as it is."""
        slug, _, code = cause.rpartition(":")
        return self.words.get(slug or code) or (self.words.get(code) if slug else None) or cause


def look(session: Session, usage: UsageReader, scope: Scope, wanted: Wanted, place: str) -> UsageView:
    """Return what a page shows. Raises `InvalidError`."""
    query = wanted.query()
    query.limit = 1
    report = usage.report(session, scope, query)
    span = Span(report.since, report.until, query.step)  # type: ignore[arg-type]  # a page never asks for the total
    parts: list[By] = [] if scope.api_id else ["api", "version"]
    parts += [] if scope.application_id else ["application"]
    parts += ["cause"] if wanted.measure == "errors" else []
    by = wanted.by if wanted.by in parts else None
    now, then = totals(session, scope, span), totals(session, scope, before(span))
    return UsageView(
        place=place,
        wanted=wanted.model_copy(update={"by": by}),
        span=span,
        tiles=[Tile(each, LABELS[each], now[each], describe_change(now[each], then[each])) for each in MEASURES],
        chart=draw(session, Asked(scope, span, wanted.measure, by)),
        parts=[(part, _PARTS[part]) for part in parts],
        ends=report,
        words=close_words(),
    )


def describe_change(now: int, then: int) -> str:
    """Return how a figure has changed, in as few words as can be."""
    if now == then:
        return "as before"
    if not then:
        return "new"
    change = round((now - then) * 100 / then)
    return f"{change:+,}%" if change else "as before"


def _midnight(day: date | None) -> datetime:
    return datetime.combine(day or date.min, time(), UTC)
