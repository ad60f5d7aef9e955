"""Usage over time and in parts, and beside that of the range before."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_
from sqlalchemy import select as any_select
from sqlmodel import Session, col, select

from services.control_plane.identity.models import Account
from services.control_plane.publisher.models import Api
from services.control_plane.store.models import Application
from services.control_plane.usage.models import Usage, UsageCause
from services.control_plane.usage.reports import Scope, Span
from services.control_plane.usage.steps import LENGTH

Measure = Literal["messages", "bytes", "connections", "throttled", "errors"]
By = Literal["api", "version", "application", "cause"]

MEASURES: Final[Mapping[Measure, Sequence[str]]] = {
    "messages": ("messages_published", "messages_delivered"),
    "bytes": ("bytes_published", "bytes_delivered"),
    "connections": ("opened",),
    "throttled": ("messages_dropped",),
    "errors": ("count",),
}
MAX_LINES: Final = 5
OTHERS: Final = "all others"

_KEYS: Final[Mapping[By, str]] = {
    "api": "api_id",
    "version": "api_id",
    "application": "application_id",
    "cause": "cause",
}
_MAX_PARTS: Final = 500
_ORDERLY: Final = ("1000", "1001", "1005", "1012")
"""Close codes of connections that ended as they should."""

Rows = Iterable[Sequence[Any]]


class Line(NamedTuple):
    """One part over time, with its sum and that of the range before."""

    name: str
    values: list[int]
    total: int
    before: int


class Chart(NamedTuple):
    """`before` is all of the range before, step by step."""

    times: list[datetime]
    lines: list[Line]
    before: list[int]


@dataclass(frozen=True, slots=True)
class Asked:
    scope: Scope
    span: Span
    measure: Measure
    by: By | None = None


def before(span: Span) -> Span:
    """Return the span of the same length that ends where this one begins."""
    return Span(span.since - (span.until - span.since), span.since, span.step)


def totals(session: Session, scope: Scope, span: Span) -> dict[Measure, int]:
    """Return what was counted in all."""
    errors = _fetch(session, Asked(scope, span, "errors"), span, [])
    columns = [name for measure, names in MEASURES.items() if measure != "errors" for name in names]
    (row,) = session.execute(_select(Usage, [], columns, scope, span)).mappings().all()
    found = {measure: sum(row[name] for name in names if name in row) for measure, names in MEASURES.items()}
    return found | {"errors": sum(sum(each) for each in errors)}


def draw(session: Session, asked: Asked) -> Chart:
    """Return the lines of a plot: the greatest parts, and all others together."""
    times, earlier = _times(asked.span), before(asked.span)
    lines = _plain(session, asked, times) if asked.by is None else _split(session, asked, asked.by, times)
    return Chart(times, lines, _over(_times(earlier), _fetch(session, asked, earlier, ["at"])))


def traffic(session: Session, api_ids: Collection[str], until: datetime) -> dict[str, list[int]]:
    """Return the messages of APIs in each of the last 24 hours."""
    span = Span(until - timedelta(days=1), until, "hour")
    asked, times = Asked(Scope(), span, "messages"), _times(span)
    rows = _fetch(session, asked, span, ["at", "api_id"], col(Usage.api_id).in_(api_ids))
    return {id_: _over(times, [(at, *sums) for at, of, *sums in rows if of == id_]) for id_ in api_ids}


def _plain(session: Session, asked: Asked, times: list[datetime]) -> list[Line]:
    """Return a line for each direction; for errors one for each kind."""
    earlier, columns = before(asked.span), MEASURES[asked.measure]
    if asked.measure == "errors":
        now = [(at, kind, count) for at, kind, count in _fetch(session, asked, asked.span, ["at", "kind"])]
        then = Counter({row[0]: row[1] for row in _fetch(session, asked, earlier, ["kind"])})
        return [
            _line(kind, _over(times, [(at, count) for at, of, count in now if of == kind]), then[kind])
            for kind in ("refused", "closed")
        ]
    rows = list(_fetch(session, asked, asked.span, ["at"]))
    sums = next(iter(_fetch(session, asked, earlier, [])), [0] * len(columns))
    return [
        _line(name, _over(times, [(row[0], row[index + 1]) for row in rows]), sums[index])
        for index, name in enumerate(columns)
    ]


def _split(session: Session, asked: Asked, by: By, times: list[datetime]) -> list[Line]:
    key = _KEYS[by]
    now, then = (_parts(session, asked, span, key) for span in (asked.span, before(asked.span)))
    names = _names(session, by, now.keys() | then.keys())
    groups = names if by == "api" else {id_: id_ for id_ in names}  # versions are told together; namesakes are not
    here, earlier = _by_group(now, groups), _by_group(then, groups)
    greatest = [group for group, _ in here.most_common(MAX_LINES)]
    ids = [id_ for id_ in now if groups[id_] in greatest]
    column = getattr(UsageCause if asked.measure == "errors" else Usage, key)
    rows = [
        (groups[of], at, *sums) for at, of, *sums in _fetch(session, asked, asked.span, ["at", key], column.in_(ids))
    ]
    lines = [
        _line(names.get(group, group), _over(times, [row[1:] for row in rows if row[0] == group]), earlier[group])
        for group in greatest
    ]
    rest = [
        all_ - sum(parts)
        for all_, *parts in zip(
            _over(times, _fetch(session, asked, asked.span, ["at"])), *(line.values for line in lines), strict=True
        )
    ]
    left = earlier.total() - sum(line.before for line in lines)
    return [*lines, *([_line(OTHERS, rest, left)] if any(rest) or left else [])]


def _parts(session: Session, asked: Asked, span: Span, key: str) -> dict[str, int]:
    return {row[0]: sum(row[1:]) for row in _fetch(session, asked, span, [key])}


def _by_group(parts: Mapping[str, int], groups: Mapping[str, str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for id_, count in parts.items():
        found[groups[id_]] += count
    return found


def _names(session: Session, by: By, ids: Collection[str]) -> dict[str, str]:
    """Return what people call each: several versions of an API by one name, what is gone by its id."""
    known: dict[str, str] = {}
    if by in ("api", "version"):
        apis = session.exec(select(Api).where(col(Api.id).in_(ids))).all()
        known = {api.id: api.name if by == "api" else f"{api.name} {api.version}" for api in apis}
    elif by == "application":
        known = _applications(session, ids)
    return {id_: known.get(id_, id_ or "none") for id_ in ids}


def _applications(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the applications' names, with the owner's where several have one name."""
    owned = select(Application.id, Application.name, Account.name).join(Account)
    rows = session.exec(owned.where(col(Application.id).in_(ids))).all()
    times = Counter(name for _, name, _ in rows)
    return {id_: f"{name} of {owner}" if times[name] > 1 else name for id_, name, owner in rows}


def _fetch(
    session: Session, asked: Asked, span: Span, columns: Sequence[str], *where: ColumnElement[bool]
) -> Sequence[Sequence[Any]]:
    """Return the sums of a measure by columns, the greatest parts first."""
    model: type[Usage | UsageCause] = UsageCause if asked.measure == "errors" else Usage
    if asked.measure == "errors":
        where = (*where, _is_error())
    statement = _select(model, columns, MEASURES[asked.measure], asked.scope, span).where(*where)
    if "at" not in columns:
        statement = statement.order_by(func.sum(getattr(model, MEASURES[asked.measure][0])).desc()).limit(_MAX_PARTS)
    return session.execute(statement).all()


def _select(
    model: type[Usage | UsageCause], columns: Sequence[str], counts: Sequence[str], scope: Scope, span: Span
) -> Select[Any]:
    groups = [getattr(model, name) for name in columns]
    sums = [func.coalesce(func.sum(getattr(model, name)), 0).label(name) for name in counts]
    statement: Select[Any] = any_select(*groups, *sums).where(
        col(model.step) == span.step, col(model.at) >= span.since, col(model.at) < span.until
    )
    for name, value in (("api_id", scope.api_id), ("application_id", scope.application_id)):
        if value is not None:
            statement = statement.where(getattr(model, name) == value)
    return statement.group_by(*groups) if groups else statement


def _is_error() -> ColumnElement[bool]:
    cause, kind = col(UsageCause.cause), col(UsageCause.kind)
    closed = and_(kind == "closed", *(not_(cause.like(f"%:{code}")) for code in _ORDERLY))
    return or_(kind == "refused", closed)


def _over(times: Sequence[datetime], rows: Rows) -> list[int]:
    """Return what was counted in each step, nothing included."""
    counted: Counter[datetime] = Counter()
    for at, *sums in rows:
        counted[at] += sum(sums)
    return [counted[at] for at in times]


def _line(name: str, values: list[int], then: int) -> Line:
    return Line(name, values, sum(values), then)


def _times(span: Span) -> list[datetime]:
    length = LENGTH[span.step]
    return [span.since + length * index for index in range(int((span.until - span.since) / length))]
