"""Index what the store counts, so that a page costs about the same however many APIs there are."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NAME = "ix_api_organisation_state_visibility_id"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        make()
        return
    with op.get_context().autocommit_block():  # beside writes; what is broken off can be run again
        op.execute("SET lock_timeout = '60s'")
        op.drop_index(op.f(NAME), "api", if_exists=True, postgresql_concurrently=True)
        make()
        op.execute("SET lock_timeout = '4s'")  # as it was


def make() -> None:
    op.create_index(op.f(NAME), "api", ["organisation", "state", "visibility", "id"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(op.f(NAME), "api")
