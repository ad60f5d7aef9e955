"""Know up to which batch of a worker it was looked for what is missing."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage_worker", sa.Column("checked", sa.Integer(), nullable=True))
    op.add_column("usage_worker", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("usage_worker", "checked_at")
    op.drop_column("usage_worker", "checked")
