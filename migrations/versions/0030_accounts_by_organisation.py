"""Find and count an organisation's accounts, in the order of their names or of when they were made, by an index."""

from alembic import op

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_account_kind_organisation_name", "account", ["kind", "organisation", "name"])
    op.create_index("ix_account_kind_organisation_created_at", "account", ["kind", "organisation", "created_at"])
    op.drop_index("ix_account_kind_created_at", "account")


def downgrade() -> None:
    op.create_index("ix_account_kind_created_at", "account", ["kind", "created_at"])
    op.drop_index("ix_account_kind_organisation_created_at", "account")
    op.drop_index("ix_account_kind_organisation_name", "account")
