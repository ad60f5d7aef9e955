"""Who did what, when and from where: a row in the transaction of the change itself, and then a line of the log."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final, TypedDict

from sqlalchemy import JSON, Index, inspect
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Field, Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION, Tenanted
from shared.logs import write_line

SYSTEM: Final = "system"

log = logging.getLogger("framegate.audit")

_CONTEXT: Final = "framegate_audit"
_WRITTEN: Final = "framegate_audit_written"
_UNHEARD: Final = "framegate_audit_unheard"


class AuditEntry(Tenanted, table=True):
    __tablename__ = "audit_entry"
    outlives: ClassVar[bool] = True
    __table_args__ = (
        Index("ix_audit_entry_actor_at", "actor", "at"),
        Index("ix_audit_entry_action_at", "action", "at"),
        Index("ix_audit_entry_target_id_at", "target_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    actor: str
    address: str
    action: str
    target_kind: str
    target_id: str
    details: dict[str, str] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """What it was, in words that last: the thing may be gone when somebody reads this."""


class AuditLine(TypedDict):
    actor: str
    client: str
    action: str
    target_kind: str
    target_id: str


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Whose transaction it is."""

    actor: str
    address: str
    clock: Clock
    organisation: str = DEFAULT_ORGANISATION


def begin(session: Session, context: AuditContext) -> None:
    session.info[_CONTEXT] = context


def speak_for(session: Session, actor: str, organisation: str) -> None:
    """Say who acts, where it is found out after the transaction has begun."""
    context: AuditContext = session.info[_CONTEXT]
    session.info[_CONTEXT] = replace(context, actor=actor, organisation=organisation)


def belong(session: Session, organisation: str) -> None:
    """Say whose audit it is, where nobody acts."""
    context: AuditContext = session.info[_CONTEXT]
    session.info[_CONTEXT] = replace(context, organisation=organisation)


def record(session: Session, action: str, target_kind: str, target_id: str, /, **details: str) -> None:
    """Write down an action of the session's actor."""
    context: AuditContext = session.info[_CONTEXT]
    entry = AuditEntry(
        organisation=context.organisation,
        at=context.clock(),
        actor=context.actor,
        address=context.address,
        action=action,
        target_kind=target_kind,
        target_id=target_id,
        details=details or None,
    )
    session.add(entry)
    for key in (_WRITTEN, _UNHEARD):
        session.info.setdefault(key, []).append(entry)


def take_unheard(session: Session) -> Sequence[AuditEntry]:
    """Return what was written down in a transaction that is about to be committed, once."""
    entries: list[AuditEntry] = session.info.pop(_UNHEARD, [])
    return [entry for entry in entries if entry in session]  # a savepoint may have undone some


def tell(session: AnySession) -> None:
    """Log what a transaction did, once it is done. What was rolled back to a savepoint has not been."""
    if session.in_nested_transaction():
        return
    for entry in session.info.pop(_WRITTEN, ()):
        if inspect(entry).persistent:
            line: AuditLine = {
                "actor": entry.actor,
                "client": entry.address,
                "action": entry.action,
                "target_kind": entry.target_kind,
                "target_id": entry.target_id,
            }
            write_line(log, "audit", line)
