"""Sums of usage, for those whose it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, func
from sqlalchemy import select as any_select
from sqlmodel import Session, col, select

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.models import Api
from services.control_plane.store.models import Application
from services.control_plane.usage.gaps import find_gaps, name_causes
from services.control_plane.usage.models import COUNTS, KINDS, Usage, UsageCause
from services.control_plane.usage.quantiles import estimate
from services.control_plane.usage.schemas import MAX_ROWS, UsageItem, UsageQuery, UsageReport
from services.control_plane.usage.sheets import INCOMPLETE, write_csv
from services.control_plane.usage.steps import KEPT, LENGTH, STEPS, Step, ceiling, floor, next_month, read_month

Row = TypeVar("Row", Api, Application)

_USUAL: Final = {"minute": timedelta(hours=1), "hour": timedelta(days=1), "day": timedelta(days=30)}
_COLUMNS: Final = {"api": "api_id", "application": "application_id", "key_type": "key_type"}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose usage: of one API, of one application, or of all."""

    api_id: str | None = None
    application_id: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and which sums make it up."""

    since: datetime
    until: datetime
    step: Step


class UsageReader:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock()

    def report(self, session: Session, scope: Scope, query: UsageQuery) -> UsageReport:
        """Return what was counted. Raises `InvalidError`."""
        span = find_span(query, self._clock())
        columns = [_COLUMNS[group] for group in query.group_by]
        if query.step != "total":
            columns = ["at", *columns]
        found = session.execute(_sums(Usage, scope, span, columns, COUNTS).limit(query.limit + 1)).mappings().all()
        causes: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
        for row in session.execute(_sums(UsageCause, scope, span, ["kind", "cause"], ("count",))).mappings():
            causes.setdefault(row["kind"], {})[row["cause"]] = int(row["count"])
        return UsageReport(
            since=span.since,
            until=span.until,
            step=query.step,
            items=_with_names(session, [dict(row) for row in found[: query.limit]]),
            truncated=len(found) > query.limit,
            refused=causes["refused"],
            closed=causes["closed"],
            published_message_bytes=estimate(causes["published_sizes"]),
            delivered_message_bytes=estimate(causes["delivered_sizes"]),
            round_trip_ms=estimate(causes["round_trips"], unit=0.001),
            incomplete=find_gaps(session, span.since, span.until),
        )


def find_span(query: UsageQuery, now: datetime) -> Span:
    """Return full steps around what is asked for, of those that are kept. Raises `InvalidError`."""
    asked: Step = "day" if query.step == "total" else query.step
    if query.month is not None:
        if query.since or query.until:
            raise InvalidError.of("month", "stands alone, without since and until")
        since = read_month(query.month)
        until = next_month(since)
    else:
        until = query.until or now
        since = query.since or ceiling(until, asked) - _USUAL[asked]
    if query.step == "total":
        asked = next((step for step in STEPS if _is_kept(step, since, now)), "day")
    elif not _is_kept(asked, since, now):
        raise InvalidError.of(
            "step", f"of {asked}s those of the last {KEPT[asked].days} days are kept: ask for longer ones"
        )
    since, until = floor(since, asked), ceiling(until, asked)
    if since >= until:
        raise InvalidError.of("since", "must be before until")
    if query.step == "total":
        return Span(since, until, _coarsest(since, until))
    if (until - since) / LENGTH[asked] > MAX_ROWS:
        raise InvalidError.of("step", f"would make more than {MAX_ROWS} parts: ask for longer ones, or for less time")
    return Span(since, until, asked)


def _is_kept(step: Step, since: datetime, now: datetime) -> bool:
    return floor(since, step) > now - KEPT[step]


def as_csv(report: UsageReport) -> str:
    """Return the items, a line each, under the names of those columns that have values."""
    rows = [item.model_dump(mode="json", exclude_none=True) for item in report.items]
    names = [name for name in UsageItem.model_fields if any(name in row for row in rows)]
    marked = [row | {INCOMPLETE: _causes(report, item)} for row, item in zip(rows, report.items, strict=True)]
    return write_csv([*(names or COUNTS), INCOMPLETE], marked)


def _causes(report: UsageReport, item: UsageItem) -> str:
    """Return why something may be missing in an item's time."""
    if item.at is None or report.step == "total":
        return name_causes(report.incomplete, report.since, report.until)
    return name_causes(report.incomplete, item.at, item.at + LENGTH[report.step])


def _coarsest(since: datetime, until: datetime) -> Step:
    return next(step for step in reversed(STEPS) if floor(since, step) == since and floor(until, step) == until)


def _sums(
    model: type[Usage | UsageCause], scope: Scope, span: Span, columns: Sequence[str], counts: Collection[str]
) -> Select[Any]:
    """Return the query for sums by columns: in the order of time, and within it most messages first."""
    groups: list[ColumnElement[Any]] = [getattr(model, name) for name in columns]
    sums = [func.coalesce(func.sum(getattr(model, name)), 0).label(name) for name in counts]
    statement: Select[Any] = any_select(*groups, *sums).where(
        col(model.step) == span.step, col(model.at) >= span.since, col(model.at) < span.until
    )
    for name, value in (("api_id", scope.api_id), ("application_id", scope.application_id)):
        if value is not None:
            statement = statement.where(getattr(model, name) == value)
    order = [group for group in groups if group.key == "at"]
    return statement.group_by(*groups).order_by(*order, (sums[1] + sums[2] if len(sums) > 1 else sums[0]).desc())


def _with_names(session: Session, rows: Sequence[dict[str, Any]]) -> list[UsageItem]:
    """Add the names of the APIs and applications that are still there."""
    apis = {api.id: f"{api.name} {api.version}" for api in _find(session, Api, rows, "api_id")}
    applications = {found.id: found.name for found in _find(session, Application, rows, "application_id")}
    return [
        UsageItem.model_validate(
            row
            | {name: row[name] or None for name in ("api_id", "application_id") if name in row}
            | {"api": apis.get(row.get("api_id", "")), "application": applications.get(row.get("application_id", ""))}
        )
        for row in rows
    ]


def _find(session: Session, model: type[Row], rows: Sequence[dict[str, Any]], column: str) -> Sequence[Row]:
    ids = {row[column] for row in rows if row.get(column)}
    return session.exec(select(model).where(col(model.id).in_(ids))).all()
