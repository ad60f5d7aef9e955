"""Know organisations, and which of them the roots of all belong to."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("account", "api", "application", "approval", "audit_entry", "webhook")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    organisation = op.create_table(
        "organisation",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_organisation")),
    )
    op.execute(
        organisation.insert().values(
            row_version=1,
            name="default",
            description="",
            created_at=sa.func.current_timestamp(),
            updated_at=sa.func.current_timestamp(),
        )
    )
    for table in TABLES:  # SQLite adds no constraint to a table that is there, but takes one with a column
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN organisation VARCHAR DEFAULT 'default' NOT NULL"
            f" CONSTRAINT fk_{table}_organisation_organisation REFERENCES organisation (name)"
        )
    _unique("name", "version", "organisation", before=("name", "version"))


def downgrade() -> None:
    _unique("name", "version", before=("name", "version", "organisation"))
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            batch.drop_column("organisation")
    op.drop_table("organisation")


def _unique(*columns: str, before: tuple[str, ...]) -> None:
    with op.batch_alter_table("api") as batch:
        batch.drop_constraint(op.f(f"uq_api_{'_'.join(before)}"), type_="unique")
        batch.create_unique_constraint(op.f(f"uq_api_{'_'.join(columns)}"), list(columns))
