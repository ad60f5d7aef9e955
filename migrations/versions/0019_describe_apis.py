"""Describe APIs: categories, owners, properties, maintainers, pictures and documents; and why a step was made."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_LINKS = (("api_category", "category", "category.name"), ("api_maintainer", "role", "role.name"))
_COLUMNS = (("business_owner", sa.JSON()), ("technical_owner", sa.JSON()), ("thumbnail", sa.String()))


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("api", sa.Column(name, kind, nullable=True))
    op.add_column("lifecycle_event", sa.Column("reason", sa.String(), nullable=True))
    op.create_table(
        "category",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_category")),
    )
    for table, column, target in _LINKS:
        op.create_table(
            table,
            sa.Column("api_id", sa.String(), nullable=False),
            sa.Column(column, sa.String(), nullable=False),
            _of_api(table),
            sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}_{target.partition('.')[0]}")),
            sa.PrimaryKeyConstraint("api_id", column, name=op.f(f"pk_{table}")),
        )
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.create_table(
        "api_property",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        _of_api("api_property"),
        sa.PrimaryKeyConstraint("api_id", "name", name=op.f("pk_api_property")),
    )
    op.create_index("ix_api_property_name_value", "api_property", ["name", "value"], unique=False)
    _create_files()


def _create_files() -> None:
    op.create_table(
        "api_thumbnail",
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _of_api("api_thumbnail"),
        sa.PrimaryKeyConstraint("api_id", name=op.f("pk_api_thumbnail")),
    )
    op.create_table(
        "document",
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("api_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("visibility", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=True),
        sa.Column("file_bytes", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("type IN ('HOWTO', 'SAMPLES', 'FORUM', 'SUPPORT', 'OTHER')", name=op.f("ck_document_type")),
        sa.CheckConstraint("source IN ('markdown', 'url', 'file')", name=op.f("ck_document_source")),
        sa.CheckConstraint("visibility IN ('api', 'private')", name=op.f("ck_document_visibility")),
        _of_api("document"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("api_id", "name", name=op.f("uq_document_api_id_name")),
    )
    op.create_table(
        "document_file",
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_document_file_document_id_document"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_document_file")),
    )


def downgrade() -> None:
    for table in ("document_file", "document", "api_thumbnail", "api_property", "api_maintainer", "api_category"):
        op.drop_table(table)
    op.drop_table("category")
    op.drop_column("lifecycle_event", "reason")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("api", name)


def _of_api(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["api_id"], ["api.id"], name=op.f(f"fk_{table}_api_id_api"), ondelete="CASCADE")
