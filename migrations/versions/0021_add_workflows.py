"""Add what people decide and hear of: approvals, webhooks, notices, ratings and comments."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ADDED = (
    ("audit_entry", "details", sa.JSON()),
    ("api", "pending_action", sa.String()),
    ("application", "approval", sa.String()),
    ("subscription", "approval", sa.String()),
    ("subscription", "pending_policy", sa.String()),
)
_TABLES = (
    "api_comment",
    "api_rating",
    "notice_read",
    "approval",
    "webhook_delivery",
    "webhook",
    "platform_settings",
)


def upgrade() -> None:
    for table, name, kind in _ADDED:
        op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "platform_settings",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_settings")),
    )
    _add_webhooks()
    _add_approvals()
    _add_notices()
    _add_feedback()


def _add_webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("claimed_until", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.String(), nullable=False),
        sa.Column("audit_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", _TIME, nullable=False),
        sa.Column("attempted_at", _TIME, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.CheckConstraint("state IN ('PENDING', 'DELIVERED', 'DEAD')", name=op.f("ck_webhook_delivery_state")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id_webhook"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["audit_entry.id"], name=op.f("fk_webhook_delivery_audit_id_audit_entry"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index("ix_webhook_delivery_queue", "webhook_delivery", ["webhook_id", "state", "audit_id"])
    op.create_index(op.f("ix_webhook_delivery_audit_id"), "webhook_delivery", ["audit_id"])
    op.create_index(op.f("ix_webhook_delivery_attempted_at"), "webhook_delivery", ["attempted_at"])


def _add_approvals() -> None:
    op.create_table(
        "approval",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", _TIME, nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('subscription', 'application', 'publication')", name=op.f("ck_approval_kind")),
        sa.CheckConstraint("state IN ('PENDING', 'APPROVED', 'REJECTED', 'WITHDRAWN')", name=op.f("ck_approval_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    pending = sa.text("state = 'PENDING'")
    op.create_index(
        "uq_approval_pending",
        "approval",
        ["kind", "target_id"],
        unique=True,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("ix_approval_asked_by", "approval", ["asked_by", "asked_at"])
    op.create_index("ix_approval_state", "approval", ["state", "asked_at"])


def _add_notices() -> None:
    op.create_table(
        "notice_read",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_notice_read_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["lifecycle_event.id"],
            name=op.f("fk_notice_read_event_id_lifecycle_event"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "event_id", name=op.f("pk_notice_read")),
    )
    op.create_index(op.f("ix_notice_read_event_id"), "notice_read", ["event_id"])


def _add_feedback() -> None:
    op.create_table(
        "api_rating",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("rated_at", _TIME, nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_api_rating_stars")),
        *_of_api_and_account("api_rating"),
        sa.PrimaryKeyConstraint("api_id", "account_id", name=op.f("pk_api_rating")),
    )
    op.create_index(op.f("ix_api_rating_account_id"), "api_rating", ["account_id"])
    op.create_table(
        "api_comment",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        *_of_api_and_account("api_comment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_comment")),
    )
    op.create_index("ix_api_comment_api_id", "api_comment", ["api_id", "created_at"])
    op.create_index("ix_api_comment_account_id", "api_comment", ["account_id", "created_at"])


def _of_api_and_account(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    return tuple(
        sa.ForeignKeyConstraint(
            [f"{parent}_id"], [f"{parent}.id"], name=op.f(f"fk_{table}_{parent}_id_{parent}"), ondelete="CASCADE"
        )
        for parent in ("api", "account")
    )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    for table, name, _ in reversed(_ADDED):
        op.drop_column(table, name)
