"""Add what applications used of APIs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
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


def upgrade() -> None:
    subject = ("api_id", "application_id", "key_type")
    op.create_table(
        "usage",
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in subject),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("step", "at", *subject, name=op.f("pk_usage")),
    )
    op.create_table(
        "usage_cause",
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in (*subject, "kind", "cause")),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step", "at", *subject, "kind", "cause", name=op.f("pk_usage_cause")),
    )
    for table in ("usage", "usage_cause"):
        for column in ("api_id", "application_id"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column, "step", "at"], unique=False)
    op.create_table(
        "usage_receipt",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", "number", name=op.f("pk_usage_receipt")),
    )
    op.create_index(op.f("ix_usage_receipt_at"), "usage_receipt", ["at"], unique=False)


def downgrade() -> None:
    for table in ("usage", "usage_cause", "usage_receipt"):
        op.drop_table(table)
