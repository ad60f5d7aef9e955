"""Add what an API says about its backend and its connections."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("max_connection_age_seconds", sa.Integer(), nullable=True),
        sa.Column("ping_interval_seconds", sa.Integer(), nullable=True),
        sa.Column("set_headers", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("forward_cookies", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("ca_certificate", sa.Text(), nullable=True),
        sa.Column("sealed_client_certificate", sa.Text(), nullable=True),
        sa.Column("sealed_backend_credentials", sa.Text(), nullable=True),
    ):
        op.add_column("api", column)
    # What pods took for granted of APIs that did not say it.
    op.execute("UPDATE api SET ping_interval_seconds = 30")


def downgrade() -> None:
    for name in (
        "sealed_backend_credentials",
        "sealed_client_certificate",
        "ca_certificate",
        "forward_cookies",
        "set_headers",
        "ping_interval_seconds",
        "max_connection_age_seconds",
    ):
        op.drop_column("api", name)
