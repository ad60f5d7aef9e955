from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, func, tuple_, update
from sqlmodel import Session, col, select

from services.control_plane.catalogue.models import STATE_ID, CatalogueObject, CatalogueState, OutboxEntry
from services.control_plane.kit.rows import BATCH


def find_state(session: Session) -> CatalogueState | None:
    return session.get(CatalogueState, STATE_ID)


def get_state(session: Session) -> CatalogueState:
    return session.get_one(CatalogueState, STATE_ID)


def lock_state(session: Session) -> CatalogueState:
    """Hold the state to the end of the transaction: so revisions are committed in their order."""
    return session.get_one(CatalogueState, STATE_ID, with_for_update=True, populate_existing=True)


def find_objects(session: Session, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], CatalogueObject]:
    """Return what there is of these kinds and ids, in few queries however many they are."""
    found: dict[tuple[str, str], CatalogueObject] = {}
    name = tuple_(col(CatalogueObject.kind), col(CatalogueObject.id))
    for start in range(0, len(names), BATCH):
        rows = session.exec(select(CatalogueObject).where(name.in_(names[start : start + BATCH])))
        found |= {(row.kind, row.id): row for row in rows}
    return found


def list_objects(session: Session) -> Sequence[CatalogueObject]:
    return session.exec(select(CatalogueObject)).all()


def list_unsent(session: Session, limit: int) -> Sequence[OutboxEntry]:
    unsent = select(OutboxEntry).where(col(OutboxEntry.sent_at).is_(None))
    return session.exec(unsent.order_by(col(OutboxEntry.revision)).limit(limit)).all()


def find_digest(session: Session, revision: int) -> str:
    """Return the digest after a revision, empty where that is long ago."""
    entry = session.get(OutboxEntry, revision)
    return entry.digest if entry else ""


def list_latest(session: Session, limit: int) -> Sequence[OutboxEntry]:
    """Return the latest changes, oldest first."""
    latest = select(OutboxEntry).order_by(col(OutboxEntry.revision).desc()).limit(limit)
    return list(reversed(session.exec(latest).all()))


def mark_sent(session: Session, up_to: int, now: datetime) -> None:
    sent = update(OutboxEntry).where(col(OutboxEntry.revision) <= up_to, col(OutboxEntry.sent_at).is_(None))
    session.execute(sent.values(sent_at=now), execution_options={"synchronize_session": False})


def delete_sent(session: Session, before: datetime) -> None:
    """Forget what was sent before a time, but for the last: what comes next has its digest."""
    last = select(func.max(OutboxEntry.revision)).where(col(OutboxEntry.sent_at).is_not(None)).scalar_subquery()
    session.execute(delete(OutboxEntry).where(col(OutboxEntry.sent_at) < before, col(OutboxEntry.revision) < last))


def delete_all_entries(session: Session) -> None:
    session.execute(delete(OutboxEntry))
