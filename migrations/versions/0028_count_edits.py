"""Count the edits of APIs, so that it shows when what was counted of them has to be counted anew."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("catalogue_state", sa.Column("api_edits", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("catalogue_state", "api_edits")
