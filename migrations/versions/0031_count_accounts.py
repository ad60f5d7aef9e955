"""Count the edits of accounts, so that it shows when they have to be counted anew."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("catalogue_state", sa.Column("account_edits", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("catalogue_state", "account_edits")
