"""Add what an API says of connections whose token expires."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api", sa.Column("close_at_expiry", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("api", sa.Column("expiry_grace_seconds", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("api", "expiry_grace_seconds")
    op.drop_column("api", "close_at_expiry")
