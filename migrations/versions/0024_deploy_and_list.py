"""Know gateway environments, and index what lists are sorted and filtered by."""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

INDEXES = (
    ("account", "kind", "created_at"),
    ("api", "context"),
    ("api", "created_at"),
    ("api", "updated_at"),
    ("audit_entry", "actor", "at"),
    ("audit_entry", "action", "at"),
    ("audit_entry", "target_id", "at"),
    ("block", "created_at"),
    ("block", "value"),
    ("external_key", "created_at"),
    ("subscription", "api_id", "created_at"),
)


BEFORE = (("subscription", "api_id"),)
"""What the last of them begins with, too."""


def upgrade() -> None:
    reindex(INDEXES, BEFORE)
    op.create_table(
        "gateway_environment",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("gateway_url", sa.String(), nullable=False),
        sa.Column("gateway_tls_url", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gateway_environment")),
    )
    op.create_table(
        "api_environment",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_environment_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["environment"],
            ["gateway_environment.name"],
            name=op.f("fk_api_environment_environment_gateway_environment"),
        ),
        sa.PrimaryKeyConstraint("api_id", "environment", name=op.f("pk_api_environment")),
    )
    op.create_index(op.f("ix_api_environment_environment"), "api_environment", ["environment"], unique=False)


def downgrade() -> None:
    reindex(BEFORE, INDEXES)
    op.drop_table("api_environment")
    op.drop_table("gateway_environment")


def reindex(made: Iterable[tuple[str, ...]], dropped: Iterable[tuple[str, ...]]) -> None:
    """Make indexes before others go: on PostgreSQL beside writes, outside the transaction, and first of all.

    So what is broken off can be run again. It leaves an index that is not valid, which is made anew.
    """
    if op.get_bind().dialect.name != "postgresql":
        _reindex(made, dropped)
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '60s'")  # for transactions to end: nobody is held up meanwhile
        _reindex(made, dropped)
        op.execute("SET lock_timeout = '4s'")  # as it was


def _reindex(made: Iterable[tuple[str, ...]], dropped: Iterable[tuple[str, ...]]) -> None:
    for table, *columns in made:
        _drop(table, columns)
        op.create_index(_name(table, columns), table, columns, unique=False, postgresql_concurrently=True)
    for table, *columns in dropped:
        _drop(table, columns)


def _drop(table: str, columns: list[str]) -> None:
    op.drop_index(_name(table, columns), table, if_exists=True, postgresql_concurrently=True)


def _name(table: str, columns: list[str]) -> str:
    return op.f(f"ix_{table}_{'_'.join(columns)}")
