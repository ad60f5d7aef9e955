"""Know owners of APIs quickly, and people by what an OpenID provider calls them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_api_owner"), "api", ["owner"], unique=False)
    op.create_table(
        "external_identity",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_external_identity_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_external_identity")),
    )
    op.create_index(op.f("ix_external_identity_account_id"), "external_identity", ["account_id"], unique=False)


def downgrade() -> None:
    op.drop_table("external_identity")
    op.drop_index(op.f("ix_api_owner"), table_name="api")
