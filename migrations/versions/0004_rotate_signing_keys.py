"""Rotate signing keys: when each began and ends to sign, and when its last token expires."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LONGEST_SECONDS = 365 * 24 * 3600  # what a token's validity may be at most: what older keys signed is not known


def upgrade() -> None:
    op.add_column(
        "signing_key",
        sa.Column("longest_validity_seconds", sa.Integer(), nullable=False, server_default=str(LONGEST_SECONDS)),
    )
    for name in ("activated_at", "expires_at"):
        op.add_column("signing_key", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE signing_key SET activated_at = created_at")


def downgrade() -> None:
    op.execute("DELETE FROM signing_key WHERE activated_at IS NULL")
    for name in ("activated_at", "expires_at", "longest_validity_seconds"):
        op.drop_column("signing_key", name)
