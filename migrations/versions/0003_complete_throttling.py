"""Complete throttling: what policies hold beside limits, policies of anonymous clients, and blocks."""

import hashlib
import json
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWNED = """
SELECT object.id, object.body, account.name FROM catalogue_object AS object
JOIN application ON application.id = object.id JOIN account ON account.id = application.owner_id
WHERE object.kind = 'application'
"""


def upgrade() -> None:
    for column in (
        sa.Column("burst", sa.JSON(), nullable=True),
        sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("overrides", sa.JSON(), nullable=False, server_default="[]"),
    ):
        op.add_column("policy", column)
    # SQLite adds no constraint to a table, but a column that has one.
    op.execute(
        "ALTER TABLE api ADD COLUMN anonymous_policy_id VARCHAR"
        " CONSTRAINT fk_api_anonymous_policy_id_policy REFERENCES policy (id)"
    )
    op.create_index(op.f("ix_api_anonymous_policy_id"), "api", ["anonymous_policy_id"], unique=False)
    op.create_table(
        "block",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('application', 'user', 'address', 'api')", name=op.f("ck_block_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_block_kind_value")),
    )
    _name_owners()


def downgrade() -> None:
    op.drop_table("block")
    op.drop_index(op.f("ix_api_anonymous_policy_id"), "api")
    with op.batch_alter_table("api") as batch:  # a later migration may have built the table anew
        batch.drop_column("anonymous_policy_id")
    for name in ("overrides", "shadow", "burst"):
        op.drop_column("policy", name)


def _name_owners() -> None:
    """Tell pods the names of applications' owners, where they had ids: users are blocked by name.

    A new epoch has Redis given everything anew.
    """
    connection = op.get_bind()
    digest = connection.execute(sa.text("SELECT digest FROM catalogue_state")).scalar()
    if digest is None:
        return
    total = int(digest, 16)
    for id_, body, name in connection.execute(sa.text(OWNED)).all():
        named = json.dumps({**json.loads(body), "owner": name}, ensure_ascii=False, separators=(",", ":"))
        connection.execute(
            sa.text("UPDATE catalogue_object SET body = :body WHERE kind = 'application' AND id = :id"),
            {"body": named, "id": id_},
        )
        total += _hash(id_, named) - _hash(id_, body)
    connection.execute(
        sa.text("UPDATE catalogue_state SET digest = :digest, epoch = :epoch, revision = revision + 1"),
        {"digest": f"{total % (1 << 256):064x}", "epoch": uuid.uuid4().hex},
    )
    connection.execute(sa.text("DELETE FROM outbox_entry"))


def _hash(id_: str, body: str) -> int:
    return int.from_bytes(hashlib.sha256(f"application\0{id_}\0{body}".encode()).digest())
