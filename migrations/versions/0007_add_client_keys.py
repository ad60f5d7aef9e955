"""Add keys that clients sign assertions with, and what was used of those."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oauth_client", sa.Column("jwks", sa.JSON(), nullable=True))
    op.create_table(
        "used_assertion",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_assertion")),
    )
    op.create_index(op.f("ix_used_assertion_expires_at"), "used_assertion", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("used_assertion")
    op.drop_column("oauth_client", "jwks")
