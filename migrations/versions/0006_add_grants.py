"""Add what people allow clients: codes and tokens that refresh. Redirect URIs move to the client."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOVE = "UPDATE {0} SET {1} = (SELECT {3} FROM {2} WHERE {2}.{5} = {0}.{4}) WHERE {4} IN (SELECT {5} FROM {2})"


def upgrade() -> None:
    op.add_column("oauth_client", sa.Column("redirect_uris", sa.JSON(), nullable=False, server_default="[]"))
    op.execute(MOVE.format("oauth_client", "redirect_uris", "application_key", "callback_urls", "id", "client_id"))
    op.drop_column("application_key", "callback_urls")
    op.create_table(
        "oauth_grant",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_client.id"],
            name=op.f("fk_oauth_grant_client_id_oauth_client"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grant")),
    )
    _index("oauth_grant", "client_id", "expires_at")
    place = (
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("code_challenge", sa.String(), nullable=False),
    )
    _create_of_grant("authorization_code", "code_hash", *place, _used_at())
    _create_of_grant("refresh_token", "token_hash", _used_at())
    _create_of_grant("issued_token", "jti")
    _index("authorization_code", "grant_id")
    _index("refresh_token", "grant_id", "expires_at")
    _index("issued_token", "grant_id", "expires_at")


def downgrade() -> None:
    for name in ("issued_token", "refresh_token", "authorization_code", "oauth_grant"):
        op.drop_table(name)
    op.add_column("application_key", sa.Column("callback_urls", sa.JSON(), nullable=False, server_default="[]"))
    op.execute(MOVE.format("application_key", "callback_urls", "oauth_client", "redirect_uris", "client_id", "id"))
    op.drop_column("oauth_client", "redirect_uris")


def _create_of_grant(table: str, key: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        table,
        sa.Column(key, sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        *columns,
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["oauth_grant.id"], name=op.f(f"fk_{table}_grant_id_oauth_grant"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
    )


def _used_at() -> sa.Column[Any]:
    return sa.Column("used_at", sa.DateTime(timezone=True), nullable=True)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
