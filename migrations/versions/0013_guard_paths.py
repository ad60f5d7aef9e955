"""Add the sub-paths that an API tells apart."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api", sa.Column("paths", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("api", "paths")
