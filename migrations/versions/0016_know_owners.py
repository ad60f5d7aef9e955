"""Know owners: of APIs, quickly, for every query of a publisher is held to them."""

from alembic import op

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_api_owner"), "api", ["owner"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_api_owner"), table_name="api")
