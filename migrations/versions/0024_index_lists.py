"""Index what lists are sorted and filtered by."""

from alembic import op

revision = "0024"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = (
    ("account", "kind", "created_at"),
    ("api", "context"),
    ("api", "created_at"),
    ("api", "updated_at"),
    ("audit_entry", "actor", "at"),
    ("audit_entry", "action", "at"),
    ("audit_entry", "target_id", "at"),
    ("block", "created_at"),
    ("block", "value"),
    ("external_key", "created_at"),
    ("subscription", "api_id", "created_at"),
)


def upgrade() -> None:
    for table, *columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
    op.drop_index("ix_subscription_api_id", "subscription")  # the new one begins with the same column


def downgrade() -> None:
    op.create_index("ix_subscription_api_id", "subscription", ["api_id"], unique=False)
    for table, *columns in INDEXES:
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)
