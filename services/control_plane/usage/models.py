from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Index
from sqlmodel import Field, SQLModel

COUNTS: Final = (
    "opened",
    "messages_published",
    "messages_delivered",
    "bytes_published",
    "bytes_delivered",
    "messages_dropped",
    "delayed_ms",
    "connected_ms",
)
"""The columns that add up."""

KINDS: Final = ("refused", "closed", "published_sizes", "delivered_sizes", "round_trips")
"""What is counted by cause; of the last three a cause is the exponent of a size, or of a time."""


class Counted(SQLModel):
    """What is counted, wherever it is summed up."""

    opened: int = Field(default=0, sa_type=BigInteger)
    messages_published: int = Field(default=0, sa_type=BigInteger)
    messages_delivered: int = Field(default=0, sa_type=BigInteger)
    bytes_published: int = Field(default=0, sa_type=BigInteger)
    bytes_delivered: int = Field(default=0, sa_type=BigInteger)
    messages_dropped: int = Field(default=0, sa_type=BigInteger)
    delayed_ms: int = Field(default=0, sa_type=BigInteger)
    connected_ms: int = Field(default=0, sa_type=BigInteger)


class Usage(Counted, table=True):
    """The sums of one minute, hour or day. What is written outlives the API and the application: it may be billed.

    An empty id stands for none: a key has no NULL.
    """

    __tablename__ = "usage"
    __table_args__ = (
        Index("ix_usage_api_id", "api_id", "step", "at"),
        Index("ix_usage_application_id", "application_id", "step", "at"),
    )

    step: str = Field(primary_key=True)
    at: datetime = Field(primary_key=True)
    api_id: str = Field(primary_key=True)
    application_id: str = Field(primary_key=True)
    key_type: str = Field(primary_key=True)


class UsageCause(SQLModel, table=True):
    """Why handshakes were refused and connections ended, and how sizes and times spread, in one minute, hour or day."""

    __tablename__ = "usage_cause"
    __table_args__ = (
        Index("ix_usage_cause_api_id", "api_id", "step", "at"),
        Index("ix_usage_cause_application_id", "application_id", "step", "at"),
    )

    step: str = Field(primary_key=True)
    at: datetime = Field(primary_key=True)
    api_id: str = Field(primary_key=True)
    application_id: str = Field(primary_key=True)
    key_type: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    cause: str = Field(primary_key=True)
    count: int = Field(default=0, sa_type=BigInteger)


class UsageReceipt(SQLModel, table=True):
    """A batch that was added: it is never added again."""

    __tablename__ = "usage_receipt"

    worker: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(index=True)


class UsageBill(Counted, table=True):
    """What an application used of an API under one policy in one month, with the names that all had then.

    `month` is its first moment. Where there was no subscription, `policy` is empty.
    """

    __tablename__ = "usage_bill"

    month: datetime = Field(primary_key=True)
    application_id: str = Field(primary_key=True)
    api_id: str = Field(primary_key=True)
    policy: str = Field(primary_key=True)
    key_type: str = Field(primary_key=True)
    owner: str
    application: str
    api: str
    version: str


class UsageWorker(SQLModel, table=True):
    """A worker of a pod that counts: what it counted `until` then is sent. These times are Redis' own.

    Up to batch `checked`, which came at `checked_at`, what is missing is noted. -1: from its start on; None: who knows.
    """

    __tablename__ = "usage_worker"
    __table_args__ = (CheckConstraint("state IN ('living', 'lost', 'ended')", name="state"),)

    worker: str = Field(primary_key=True)
    pod: str
    until: datetime
    heard_at: datetime = Field(index=True)
    state: str
    checked: int | None = None
    checked_at: datetime | None = None


class UsageGap(SQLModel, table=True):
    """Something that is missing: between which times, of which pod, why, and how much where that is known."""

    __tablename__ = "usage_gap"

    worker: str = Field(primary_key=True)
    cause: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    pod: str
    since: datetime
    until: datetime = Field(index=True)
    count: int
