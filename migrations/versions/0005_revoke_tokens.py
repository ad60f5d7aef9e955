"""Revoke access tokens before they expire."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_token")),
    )
    for name in ("expires_at", "sent_at"):
        op.create_index(op.f(f"ix_revoked_token_{name}"), "revoked_token", [name], unique=False)


def downgrade() -> None:
    op.drop_table("revoked_token")
