"""What is billed: sums of a month, which change no more once it is closed."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select as any_select
from sqlmodel import Session, col, func, select

from services.control_plane.identity.models import Account
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.rows import add_up
from services.control_plane.publisher.models import Api
from services.control_plane.store.models import Application
from services.control_plane.usage.gaps import find_gaps, name_causes
from services.control_plane.usage.models import COUNTS, UsageBill
from services.control_plane.usage.schemas import Bill, BillLine, BillQuery
from services.control_plane.usage.sheets import INCOMPLETE, write_csv
from services.control_plane.usage.steps import month_of, next_month, read_month
from shared.usage import UsageRow

CLOSED_AFTER: Final = timedelta(days=2)
"""From a month's end: until then what pods kept while Redis was away is still added to it."""

_NAMES: Final = ("owner", "application", "api", "version")
_SUBJECT: Final = ("month", "application_id", "api_id", "policy", "key_type")

Key = tuple[datetime, str, str, str, str]


def is_closed(month: datetime, now: datetime) -> bool:
    return now >= next_month(month) + CLOSED_AFTER


def add_to_bills(session: Session, rows: Iterable[UsageRow], now: datetime) -> None:
    """Add rows to their month, or to this one where theirs is closed."""
    bills: dict[Key, Counter[str]] = {}
    for row in rows:
        counts = {name: getattr(row, name) for name in COUNTS}
        if any(counts.values()):
            month = month_of(datetime.fromtimestamp(row.minute, UTC))
            month = month_of(now) if is_closed(month, now) else month
            key = (month, row.application_id or "", row.api_id or "", row.policy, row.key_type)
            bills.setdefault(key, Counter()).update(counts)
    names = _find_names(session, bills)
    lines = [{**dict(zip(_SUBJECT, key, strict=True)), **names[key], **counts} for key, counts in bills.items()]
    add_up(session, UsageBill, lines, COUNTS)


def _find_names(session: Session, keys: Iterable[Key]) -> dict[Key, dict[str, str]]:
    """Return the names that all have now; a line keeps those that it began with."""
    keys = list(keys)
    of_apis = select(Api.id, Api.name, Api.version).where(col(Api.id).in_({key[2] for key in keys}))
    apis = {id_: {"api": name, "version": version} for id_, name, version in session.exec(of_apis)}
    of_applications = (
        select(Application.id, Application.name, Account.name)
        .join(Account, col(Account.id) == Application.owner_id)
        .where(col(Application.id).in_({key[1] for key in keys}))
    )
    applications = {id_: {"application": name, "owner": owner} for id_, name, owner in session.exec(of_applications)}
    nothing = dict.fromkeys(_NAMES, "")
    return {key: nothing | apis.get(key[2], {}) | applications.get(key[1], {}) for key in keys}


class BillReader:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def read(self, session: Session, query: BillQuery) -> Bill:
        """Return some lines of a month, always in the same order. Raises `InvalidError`."""
        month = read_month(query.month)
        of_month = col(UsageBill.month) == month
        columns = [getattr(UsageBill, name) for name in BillLine.model_fields]
        order = [getattr(UsageBill, name) for name in ("owner", *_SUBJECT[1:])]
        lines = any_select(*columns).where(of_month).order_by(*order).offset(query.offset).limit(query.limit)
        return Bill(
            month=query.month,
            closed=is_closed(month, self._clock()),
            items=[BillLine.model_validate(dict(line)) for line in session.execute(lines).mappings()],
            total=session.exec(select(func.count()).select_from(UsageBill).where(of_month)).one(),
            limit=query.limit,
            offset=query.offset,
            incomplete=find_gaps(session, month, next_month(month), of_bills=True),
        )


def bill_as_csv(bill: Bill) -> str:
    month = read_month(bill.month)
    around = {"month": bill.month, INCOMPLETE: name_causes(bill.incomplete, month, next_month(month))}
    rows: list[dict[str, Any]] = [around | line.model_dump(mode="json") for line in bill.items]
    return write_csv(["month", *BillLine.model_fields, INCOMPLETE], rows)
