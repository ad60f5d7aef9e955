"""Add the AsyncAPI documents of APIs."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_document",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_document_api_id_api"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("api_id", name=op.f("pk_api_document")),
    )


def downgrade() -> None:
    op.drop_table("api_document")
