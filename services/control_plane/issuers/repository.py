from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, or_, sql, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from services.control_plane.issuers.errors import IssuerExistsError, IssuerInUseError
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.kit.pagination import Listing, PageQuery

_LISTING: Final = Listing(
    search=(col(ExternalIssuer.name), col(ExternalIssuer.issuer)),
    sort={
        "name": col(ExternalIssuer.name),
        "created_at": col(ExternalIssuer.created_at),
        "fetched_at": col(ExternalIssuer.fetched_at),
    },
    unique=col(ExternalIssuer.name),
)

# The store's, which stands above.
_MAPPED: Final = sql.table("external_key", sql.column("issuer"))

# What is read of an issuer by itself is no change of its resource: the version stays.
_APART: Final = {"synchronize_session": False}


def find(session: Session, name: str) -> ExternalIssuer | None:
    return session.get(ExternalIssuer, name)


def exists(session: Session, name: str) -> bool:
    return session.exec(select(ExternalIssuer.name).where(ExternalIssuer.name == name)).first() is not None


def list_page(session: Session, query: PageQuery) -> tuple[Sequence[ExternalIssuer], int]:
    return _LISTING.fetch(session, select(ExternalIssuer), query)


def add(session: Session, row: ExternalIssuer) -> None:
    """Insert. Raises `IssuerExistsError`."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise IssuerExistsError from error


def delete(session: Session, row: ExternalIssuer) -> None:
    """Delete. Raises `IssuerInUseError`."""
    name = row.name  # a failed flush leaves nothing to read
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise IssuerInUseError(name) from error


def has_mapped_clients(session: Session, name: str) -> bool:
    return session.execute(sql.select(_MAPPED.c.issuer).where(_MAPPED.c.issuer == name).limit(1)).first() is not None


def list_due(session: Session, now: datetime, interval: timedelta, after_failure: timedelta) -> Sequence[str]:
    """Return the names of those whose keys are to be read again."""
    failed, checked = col(ExternalIssuer.failure), col(ExternalIssuer.checked_at)
    due = or_(
        and_(failed.is_(None), checked <= now - interval), and_(failed.is_not(None), checked <= now - after_failure)
    )
    return session.exec(select(ExternalIssuer.name).where(due)).all()


def claim(session: Session, name: str, now: datetime, gap: timedelta) -> ExternalIssuer | None:
    """Return an issuer whose keys the caller is to read: nobody else, until the gap is over."""
    stale = update(ExternalIssuer).where(col(ExternalIssuer.name) == name, col(ExternalIssuer.checked_at) <= now - gap)
    claimed = stale.values(checked_at=now).returning(col(ExternalIssuer.name))
    return find(session, name) if session.execute(claimed, execution_options=_APART).first() else None


def note_failure(session: Session, name: str, failure: str) -> None:
    session.execute(_of(name).values(failure=failure), execution_options=_APART)


def keep_keys(session: Session, seen: ExternalIssuer, keys: list[dict[str, Any]], now: datetime) -> bool:
    """Write down an issuer's keys, and tell whether it is still what it was when they were asked for."""
    unchanged = _of(seen.name).where(col(ExternalIssuer.row_version) == seen.row_version)
    kept = unchanged.values(keys=keys, fetched_at=now, failure=None).returning(col(ExternalIssuer.name))
    return session.execute(kept, execution_options=_APART).first() is not None


def _of(name: str) -> Any:
    return update(ExternalIssuer).where(col(ExternalIssuer.name) == name)
