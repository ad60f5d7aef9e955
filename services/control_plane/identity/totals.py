"""How many accounts and entries of the audit there are, without counting them for each page."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from sqlmodel import Session, col, func, select

from services.control_plane.catalogue import repository as catalogue_repository
from services.control_plane.catalogue.counts import Counted, edition_of_accounts
from services.control_plane.identity import repository
from services.control_plane.identity.models import Account
from services.control_plane.kit import tenancy
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.pagination import PageQuery

SETTLED_AFTER: Final = timedelta(minutes=10)
"""No transaction takes so long: what is older has no gap that is filled later."""

MOST_NEW: Final = 1000
"""So many entries are counted each time, before those that are settled are counted into what is known."""


class Totals:
    """What is counted of accounts and the audit, for each organisation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts = Counted(edition_of_accounts, repository.count_accounts)
        self._known: dict[str | None, _Known] = {}

    def list_accounts(self, session: Session, kind: str, paging: PageQuery) -> tuple[Sequence[Account], int]:
        """Return a page of accounts, and how many there are."""
        total = None if paging.q else self._accounts.read(session, kind)
        return repository.list_accounts(session, kind, paging, total)

    def count_entries(self, session: Session) -> int:
        """Return how many entries the audit has. None is ever removed: the settled ones are counted once."""
        held, edition = tenancy.held(session), catalogue_repository.get_state(session).account_edits
        known = self._known.get(held)
        if known is None or known.edition != edition:
            known = _Known(edition, 0, 0)
        new = _count(session, known.last)
        if new > MOST_NEW:
            self._known[held] = _settle(session, known, self._clock)
        return known.entries + new


class _Known(NamedTuple):
    edition: int
    last: int
    """The id of the last entry that is counted."""

    entries: int


def _settle(session: Session, known: _Known, clock: Clock) -> _Known:
    settled = select(func.max(AuditEntry.id)).where(AuditEntry.at < clock() - SETTLED_AFTER)
    last = max(known.last, session.exec(settled).one() or 0)
    return _Known(known.edition, last, known.entries + _count(session, known.last, last))


def _count(session: Session, after: int, last: int | None = None) -> int:
    entries = select(func.count()).select_from(AuditEntry).where(col(AuditEntry.id) > after)
    return session.exec(entries if last is None else entries.where(col(AuditEntry.id) <= last)).one()
