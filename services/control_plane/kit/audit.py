"""Who did what, when and from where: a row in the transaction of the change itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlmodel import Field, Session, SQLModel

from services.control_plane.kit.clock import Clock

SYSTEM: Final = "system"

_CONTEXT: Final = "framegate_audit"


class AuditEntry(SQLModel, table=True):
    __tablename__ = "audit_entry"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    actor: str
    address: str
    action: str
    target_kind: str
    target_id: str


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Whose transaction it is."""

    actor: str
    address: str
    clock: Clock


def begin(session: Session, context: AuditContext) -> None:
    session.info[_CONTEXT] = context


def speak_for(session: Session, actor: str) -> None:
    """Say who acts, where it is found out after the transaction has begun."""
    context: AuditContext = session.info[_CONTEXT]
    session.info[_CONTEXT] = replace(context, actor=actor)


def record(session: Session, action: str, target_kind: str, target_id: str) -> None:
    """Write down an action of the session's actor."""
    context: AuditContext = session.info[_CONTEXT]
    session.add(
        AuditEntry(
            at=context.clock(),
            actor=context.actor,
            address=context.address,
            action=action,
            target_kind=target_kind,
            target_id=target_id,
        )
    )
