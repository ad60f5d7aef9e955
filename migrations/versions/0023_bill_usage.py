"""Add what is billed, the workers that count it, and what is missing."""

import sqlalchemy as sa
from alembic import op

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


def downgrade() -> None:
    for table in ("usage_gap", "usage_worker", "usage_bill"):
        op.drop_table(table)
