"""Let clients register themselves: the token by which each manages itself."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oauth_client", sa.Column("registration_token_hash", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("oauth_client", "registration_token_hash")
