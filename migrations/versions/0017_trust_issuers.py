"""Trust issuers: those of others, for tokens, and ours, for what pods tell backends of a caller."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api", sa.Column("backend_assertion", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "external_issuer",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("application_claim", sa.String(), nullable=True),
        sa.Column("jwks_uri", sa.String(), nullable=True),
        sa.Column("introspection_url", sa.String(), nullable=True),
        sa.Column("introspection_client_id", sa.String(), nullable=True),
        sa.Column("sealed_introspection_secret", sa.Text(), nullable=True),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_external_issuer")),
        sa.UniqueConstraint("issuer", name=op.f("uq_external_issuer_issuer")),
    )
    op.create_table(
        "api_issuer",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_issuer_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["issuer"], ["external_issuer.name"], name=op.f("fk_api_issuer_issuer_external_issuer")
        ),
        sa.PrimaryKeyConstraint("api_id", "issuer", name=op.f("pk_api_issuer")),
    )
    op.create_index(op.f("ix_api_issuer_issuer"), "api_issuer", ["issuer"], unique=False)
    op.create_table(
        "external_key",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("key_type", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("key_type IN ('PRODUCTION', 'SANDBOX')", name=op.f("ck_external_key_key_type")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_external_key_application_id_application")
        ),
        sa.ForeignKeyConstraint(
            ["issuer"], ["external_issuer.name"], name=op.f("fk_external_key_issuer_external_issuer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_key")),
        sa.UniqueConstraint("client_id", name=op.f("uq_external_key_client_id")),
    )
    op.create_index(op.f("ix_external_key_application_id"), "external_key", ["application_id"], unique=False)
    op.create_index(op.f("ix_external_key_issuer"), "external_key", ["issuer"], unique=False)
    op.add_column("signing_key", sa.Column("purpose", sa.String(), nullable=False, server_default="token"))


def downgrade() -> None:
    for table in ("external_key", "api_issuer", "external_issuer"):
        op.drop_table(table)
    op.execute("DELETE FROM signing_key WHERE purpose <> 'token'")
    op.drop_column("signing_key", "purpose")
    op.drop_column("api", "backend_assertion")
