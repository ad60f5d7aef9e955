"""Add what becomes of messages that are not allowed, which endpoints are mocks, and policies of paths."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


_API = sa.table("api", sa.column("id", sa.String()), sa.column("paths", sa.JSON()))
_LIMITED = sa.table("api_path_policy", sa.column("api_id", sa.String()))


def upgrade() -> None:
    unchecked = '{"publish": "off", "subscribe": "off"}'
    op.add_column("api", sa.Column("validation", sa.JSON(), nullable=False, server_default=unchecked))
    op.add_column("api", sa.Column("mocked", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "api_path_policy",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("policy_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f("fk_api_path_policy_api_id_api"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_api_path_policy_policy_id_policy")),
        sa.PrimaryKeyConstraint("api_id", "policy_id", name=op.f("pk_api_path_policy")),
    )
    op.create_index(op.f("ix_api_path_policy_policy_id"), "api_path_policy", ["policy_id"], unique=False)


def downgrade() -> None:
    _take_policies_from_paths()
    op.drop_index(op.f("ix_api_path_policy_policy_id"), table_name="api_path_policy")
    op.drop_table("api_path_policy")
    op.drop_column("api", "mocked")
    op.drop_column("api", "validation")


def _take_policies_from_paths() -> None:
    """Leave of paths what the version before can read."""
    connection = op.get_bind()
    limited = sa.select(_API).where(_API.c.id.in_(sa.select(_LIMITED.c.api_id)))
    for id_, paths in connection.execute(limited).all():
        kept = [{name: value for name, value in path.items() if name != "policy"} for path in paths]
        connection.execute(sa.update(_API).where(_API.c.id == id_).values(paths=kept))
