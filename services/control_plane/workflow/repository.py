from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import update
from sqlmodel import Session, col, select

from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.workflow.choices import ApprovalState, Choices
from services.control_plane.workflow.models import Approval, PlatformSettings

_APPROVALS: Final = Listing(
    search=(col(Approval.title), col(Approval.wanted), col(Approval.comment)),
    sort={"asked_at": col(Approval.asked_at), "kind": col(Approval.kind), "state": col(Approval.state)},
    unique=col(Approval.id),
)


def find_settings(session: Session) -> PlatformSettings:
    """Return the settings: the defaults where nothing was chosen yet."""
    return session.get(PlatformSettings, 1) or PlatformSettings(choices=Choices())


def list_approvals(session: Session, query: PageQuery, **equal: str | None) -> tuple[Sequence[Approval], int]:
    """Return a page of those whose columns have these values; the latest first unless said."""
    wanted = {name: value for name, value in equal.items() if value is not None}
    query.sort = query.sort or "-asked_at"
    return _APPROVALS.fetch(session, select(Approval).filter_by(**wanted), query)


def find_approval(session: Session, id_: str) -> Approval | None:
    return session.get(Approval, id_)


def find_pending(session: Session, kind: str, target_id: str) -> Approval | None:
    """Return the open question about something, and hold it to the end of the transaction."""
    pending = select(Approval).where(
        Approval.kind == kind, Approval.target_id == target_id, Approval.state == "PENDING"
    )
    return session.exec(pending.with_for_update()).first()


def settle(
    session: Session, id_: str, state: ApprovalState, *, decided_by: str, decided_at: datetime, comment: str = ""
) -> bool:
    """End an open question, and tell whether it was open: of two who end it one is told so."""
    open_ = update(Approval).where(col(Approval.id) == id_, col(Approval.state) == "PENDING")
    ended = open_.values(state=state, decided_by=decided_by, decided_at=decided_at, comment=comment)
    settled = session.execute(ended.returning(col(Approval.id)), execution_options={"synchronize_session": False})
    return settled.first() is not None
