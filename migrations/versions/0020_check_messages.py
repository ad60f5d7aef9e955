"""Add what becomes of messages that an API's document does not allow, and which endpoints are mocks."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    unchecked = '{"publish": "off", "subscribe": "off"}'
    op.add_column("api", sa.Column("validation", sa.JSON(), nullable=False, server_default=unchecked))
    op.add_column("api", sa.Column("mocked", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("api", "mocked")
    op.drop_column("api", "validation")
