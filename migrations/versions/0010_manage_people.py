"""Manage people and roles: passwords that must be changed, and roles with versions."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("role", sa.Column("row_version", sa.Integer(), server_default="1", nullable=False))
    op.create_index(op.f("ix_oauth_grant_subject"), "oauth_grant", ["subject"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_oauth_grant_subject"), table_name="oauth_grant")
    op.drop_column("role", "row_version")
    op.drop_column("account", "must_change_password")
