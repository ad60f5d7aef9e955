"""Create tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "audit_entry",
    "idempotent_request",
    "catalogue_state",
    "catalogue_object",
    "outbox_entry",
    "oauth_client",
    "signing_key",
    "role",
    "account",
    "account_role",
    "policy",
    "api",
    "api_policy",
    "api_role",
    "api_tag",
    "lifecycle_event",
    "application",
    "application_key",
    "subscription",
)


def upgrade() -> None:
    _create_common()
    _create_catalogue()
    _create_oauth()
    _create_identity()
    _create_throttling()
    _create_apis()
    _create_store()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_common() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target_kind", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_table(
        "idempotent_request",
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("response", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotent_request")),
    )
    op.create_index(op.f("ix_idempotent_request_created_at"), "idempotent_request", ["created_at"], unique=False)


def _create_catalogue() -> None:
    op.create_table(
        "catalogue_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalogue_state")),
    )
    op.create_table(
        "catalogue_object",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_catalogue_object")),
    )
    op.create_table(
        "outbox_entry",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_outbox_entry")),
    )
    op.create_index(op.f("ix_outbox_entry_sent_at"), "outbox_entry", ["sent_at"], unique=False)


def _create_oauth() -> None:
    op.create_table(
        "oauth_client",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("previous_secret_hash", sa.String(), nullable=True),
        sa.Column("previous_secret_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("grant_types", sa.JSON(), nullable=False),
        sa.Column("token_validity_seconds", sa.Integer(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "audience IN ('urn:framegate:gateway', 'urn:framegate:management')", name=op.f("ck_oauth_client_audience")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_client")),
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("public_jwk", sa.Text(), nullable=False),
        sa.Column("sealed_private_jwk", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
    )


def _create_identity() -> None:
    op.create_table(
        "role",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_role")),
    )
    op.create_table(
        "account",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(kind = 'service') = (client_id IS NOT NULL)", name=op.f("ck_account_client")),
        sa.CheckConstraint("kind IN ('person', 'service')", name=op.f("ck_account_kind")),
        sa.ForeignKeyConstraint(["client_id"], ["oauth_client.id"], name=op.f("fk_account_client_id_oauth_client")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("client_id", name=op.f("uq_account_client_id")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_account_kind_name")),
    )
    op.create_table(
        "account_role",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_account_role_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["role"], ["role.name"], name=op.f("fk_account_role_role_role")),
        sa.PrimaryKeyConstraint("account_id", "role", name=op.f("pk_account_role")),
    )


def _create_throttling() -> None:
    op.create_table(
        "policy",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("on_exceed", sa.String(), nullable=False),
        sa.Column("max_delay_seconds", sa.Float(), nullable=True),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level IN ('subscription', 'application', 'api')", name=op.f("ck_policy_level")),
        sa.CheckConstraint("on_exceed IN ('delay', 'drop', 'close')", name=op.f("ck_policy_on_exceed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("level", "name", name=op.f("uq_policy_level_name")),
    )


def _create_apis() -> None:
    op.create_table(
        "api",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("context_key", sa.String(), nullable=False),
        sa.Column("route_key", sa.String(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("endpoints", sa.JSON(), nullable=False),
        sa.Column("api_policy_id", sa.String(), nullable=True),
        sa.Column("auth", sa.JSON(), nullable=False),
        sa.Column("visibility", sa.String(), nullable=False),
        sa.Column("origins", sa.JSON(), nullable=False),
        sa.Column("max_message_bytes", sa.JSON(), nullable=False),
        sa.Column("idle_timeout_seconds", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('CREATED', 'PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'DEPRECATED', 'RETIRED')",
            name=op.f("ck_api_state"),
        ),
        sa.CheckConstraint("visibility IN ('public', 'restricted')", name=op.f("ck_api_visibility")),
        sa.ForeignKeyConstraint(["api_policy_id"], ["policy.id"], name=op.f("fk_api_api_policy_id_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_api_name_version")),
        sa.UniqueConstraint("route_key", name=op.f("uq_api_route_key")),
    )
    op.create_index(op.f("ix_api_api_policy_id"), "api", ["api_policy_id"], unique=False)
    op.create_index(op.f("ix_api_context_key"), "api", ["context_key"], unique=False)
    op.create_index(
        "uq_api_default_version",
        "api",
        ["context_key"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "api_policy",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_policy_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_api_policy_policy_id_policy")),
        sa.PrimaryKeyConstraint("api_id", "policy_id", name=op.f("pk_api_policy")),
    )
    op.create_index(op.f("ix_api_policy_policy_id"), "api_policy", ["policy_id"], unique=False)
    op.create_table(
        "api_role",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_role_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["role"], ["role.name"], name=op.f("fk_api_role_role_role")),
        sa.PrimaryKeyConstraint("api_id", "role", name=op.f("pk_api_role")),
    )
    op.create_index(op.f("ix_api_role_role"), "api_role", ["role"], unique=False)
    op.create_table(
        "api_tag",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_tag_api_id_api"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("api_id", "tag", name=op.f("pk_api_tag")),
    )
    op.create_index(op.f("ix_api_tag_tag"), "api_tag", ["tag"], unique=False)
    op.create_table(
        "lifecycle_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("from_state", sa.String(), nullable=False),
        sa.Column("to_state", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_lifecycle_event_api_id_api"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifecycle_event")),
    )
    op.create_index(op.f("ix_lifecycle_event_api_id"), "lifecycle_event", ["api_id"], unique=False)


def _create_store() -> None:
    op.create_table(
        "application",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["account.id"], name=op.f("fk_application_owner_id_account")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_application_policy_id_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_application_owner_id_name")),
    )
    op.create_index(op.f("ix_application_policy_id"), "application", ["policy_id"], unique=False)
    op.create_table(
        "application_key",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("key_type", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("callback_urls", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("key_type IN ('PRODUCTION', 'SANDBOX')", name=op.f("ck_application_key_key_type")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_application_key_application_id_application")
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["oauth_client.id"], name=op.f("fk_application_key_client_id_oauth_client")
        ),
        sa.PrimaryKeyConstraint("application_id", "key_type", name=op.f("pk_application_key")),
        sa.UniqueConstraint("client_id", name=op.f("uq_application_key_client_id")),
    )
    op.create_table(
        "subscription",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('UNBLOCKED', 'BLOCKED', 'PROD_ONLY_BLOCKED')", name=op.f("ck_subscription_state")
        ),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_subscription_api_id_api")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_subscription_application_id_application")
        ),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_subscription_policy_id_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("application_id", "api_id", name=op.f("uq_subscription_application_id_api_id")),
    )
    op.create_index(op.f("ix_subscription_api_id"), "subscription", ["api_id"], unique=False)
    op.create_index(op.f("ix_subscription_policy_id"), "subscription", ["policy_id"], unique=False)
