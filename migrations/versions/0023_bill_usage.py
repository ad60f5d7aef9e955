"""Add what is billed, the workers that count it, and what is missing."""

import sqlalchemy as sa
from alembic import op

from services.control_plane.kit.clock import system_clock

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None

COUNTS = (
    "opened",
    "messages_published",
    "messages_delivered",
    "bytes_published",
    "bytes_delivered",
    "messages_dropped",
    "delayed_ms",
    "connected_ms",
)
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    subject = ("application_id", "api_id", "policy", "key_type")
    named = (*subject, "owner", "application", "api", "version")
    op.create_table(
        "usage_bill",
        sa.Column("month", TIME, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in named),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("month", *subject, name=op.f("pk_usage_bill")),
    )
    op.create_table(
        "usage_worker",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("pod", sa.String(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("heard_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('living', 'lost', 'ended')", name=op.f("ck_usage_worker_state")),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_usage_worker")),
    )
    op.create_index(op.f("ix_usage_worker_heard_at"), "usage_worker", ["heard_at"], unique=False)
    op.create_table(
        "usage_gap",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pod", sa.String(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker", "cause", "number", name=op.f("pk_usage_gap")),
    )
    op.create_index(op.f("ix_usage_gap_until"), "usage_gap", ["until"], unique=False)
    _note_that_bills_began()


def _note_that_bills_began() -> None:
    """Say that this month's bill lacks what was used before, where something was."""
    now = system_clock()
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    usage = sa.table("usage", sa.column("step"), sa.column("at", TIME))
    used = sa.select(usage.c.at).where(usage.c.step == "day", usage.c.at >= month).limit(1)
    connection = op.get_bind()
    if connection.execute(used).first() is None:
        return
    columns = (sa.column("since", TIME), sa.column("until", TIME))
    names = ("worker", "cause", "number", "pod", "count")
    gap = sa.table("usage_gap", *map(sa.column, names), *columns)
    row = {"worker": "", "cause": "bill_began", "number": 0, "pod": "", "since": month, "until": now, "count": 0}
    connection.execute(gap.insert().values(row))


def downgrade() -> None:
    for table in ("usage_gap", "usage_worker", "usage_bill"):
        op.drop_table(table)
