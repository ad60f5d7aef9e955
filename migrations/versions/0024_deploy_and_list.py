"""Know gateway environments, and index what lists are sorted and filtered by."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
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
    op.create_table(
        "gateway_environment",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("gateway_url", sa.String(), nullable=False),
        sa.Column("gateway_tls_url", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gateway_environment")),
    )
    op.create_table(
        "api_environment",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_environment_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["environment"],
            ["gateway_environment.name"],
            name=op.f("fk_api_environment_environment_gateway_environment"),
        ),
        sa.PrimaryKeyConstraint("api_id", "environment", name=op.f("pk_api_environment")),
    )
    op.create_index(op.f("ix_api_environment_environment"), "api_environment", ["environment"], unique=False)
    for table, *columns in INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
    op.drop_index("ix_subscription_api_id", "subscription")  # the new one begins with the same column


def downgrade() -> None:
    op.drop_table("api_environment")
    op.drop_table("gateway_environment")
    op.create_index("ix_subscription_api_id", "subscription", ["api_id"], unique=False)
    for table, *columns in INDEXES:
        op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)
