from datetime import datetime
from typing import ClassVar, Final, get_args

from sqlalchemy import JSON, CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from services.control_plane.kit.approvals import Kind
from services.control_plane.kit.columns import AsJson, Versioned
from services.control_plane.kit.tenancy import Tenanted
from services.control_plane.workflow.choices import ApprovalState, Choices, DeliveryState


def _one_of(values: object) -> str:
    return ", ".join(f"'{value}'" for value in get_args(values))


_ONE_PENDING: Final = text("state = 'PENDING'")


class PlatformSettings(Versioned, table=True):
    """What administrators have chosen: one row."""

    __tablename__ = "platform_settings"

    id: int = Field(default=1, primary_key=True)
    choices: Choices = Field(sa_type=AsJson(Choices))


class Webhook(Versioned, Tenanted, table=True):
    """Who hears of events. What the sender notes of it is no change of its resource: the version stays."""

    __tablename__ = "webhook"

    id: str = Field(primary_key=True)
    url: str
    description: str = ""
    events: list[str] = Field(default_factory=list, sa_type=JSON)
    active: bool = True
    sealed_secret: str = Field(sa_type=Text, repr=False)
    failures: int = 0
    """In a row."""

    due_at: datetime
    claimed_until: datetime
    created_at: datetime
    updated_at: datetime


class WebhookDelivery(SQLModel, table=True):
    """One event on its way to one webhook. It is made in the transaction of what happened."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint(f"state IN ({_one_of(DeliveryState)})", name="state"),
        Index("ix_webhook_delivery_queue", "webhook_id", "state", "audit_id"),
    )

    id: str = Field(primary_key=True)
    webhook_id: str = Field(foreign_key="webhook.id", ondelete="CASCADE")
    audit_id: int = Field(foreign_key="audit_entry.id", ondelete="CASCADE", index=True)
    event: str
    state: str = "PENDING"
    attempts: int = 0
    queued_at: datetime
    attempted_at: datetime | None = Field(default=None, index=True)
    status: int | None = None
    error: str | None = None


class Approval(Tenanted, table=True):
    """A question to the administrators. It outlives what it is about."""

    __tablename__ = "approval"
    outlives: ClassVar[bool] = True
    __table_args__ = (
        CheckConstraint(f"kind IN ({_one_of(Kind)})", name="kind"),
        CheckConstraint(f"state IN ({_one_of(ApprovalState)})", name="state"),
        Index(
            "uq_approval_pending",
            "kind",
            "target_id",
            unique=True,
            sqlite_where=_ONE_PENDING,
            postgresql_where=_ONE_PENDING,
        ),
        Index("ix_approval_asked_by", "asked_by", "asked_at"),
        Index("ix_approval_state", "state", "asked_at"),
    )

    id: str = Field(primary_key=True)
    kind: str
    target_id: str
    title: str
    wanted: str
    state: str = "PENDING"
    asked_by: str
    asked_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    comment: str = ""


class NoticeRead(SQLModel, table=True):
    """A notice that somebody has read. What there is to read are the steps of APIs' lives."""

    __tablename__ = "notice_read"

    account_id: str = Field(primary_key=True, foreign_key="account.id", ondelete="CASCADE")
    event_id: int = Field(primary_key=True, foreign_key="lifecycle_event.id", ondelete="CASCADE", index=True)
