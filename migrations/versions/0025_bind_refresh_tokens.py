"""Remember the key that a token which refreshes is bound to."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_token", sa.Column("thumbprint", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("refresh_token", "thumbprint")
