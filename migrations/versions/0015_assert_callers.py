"""Assert callers to backends: an API's wish, and the keys that pods sign with."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api", sa.Column("backend_assertion", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("signing_key", sa.Column("purpose", sa.String(), nullable=False, server_default="token"))


def downgrade() -> None:
    op.execute("DELETE FROM signing_key WHERE purpose <> 'token'")
    op.drop_column("signing_key", "purpose")
    op.drop_column("api", "backend_assertion")
