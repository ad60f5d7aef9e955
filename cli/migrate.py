"""`framegate migrate`: the schema of the control plane's database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cli.errors import CommandError

DEFAULT_DATABASE_URL = "sqlite:///./framegate.db"

DatabaseUrl = Annotated[str, typer.Option(envvar="FRAMEGATE_DATABASE_URL", help="The database.")]

app = typer.Typer(help="Care for the schema of the control plane's database.", no_args_is_help=True)


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="Up to this one.")] = "head",
    database_url: DatabaseUrl = DEFAULT_DATABASE_URL,
) -> None:
    """Apply the migrations that are missing."""
    from services.control_plane.kit import migrate  # noqa: PLC0415 - a pod has no database

    with _told_in_words():
        migrate.upgrade(database_url, revision)
    current(database_url)


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Down to this one; `base` for an empty database.")],
    database_url: DatabaseUrl = DEFAULT_DATABASE_URL,
) -> None:
    """Take migrations back. What only they could hold is lost."""
    from services.control_plane.kit import migrate  # noqa: PLC0415 - a pod has no database

    with _told_in_words():
        migrate.downgrade(database_url, revision)
    current(database_url)


@app.command()
def current(database_url: DatabaseUrl = DEFAULT_DATABASE_URL) -> None:
    """Print the revision of the database, and the newest that this version knows."""
    from services.control_plane.kit import migrate  # noqa: PLC0415 - a pod has no database

    with _told_in_words():
        print(f"{migrate.current(database_url) or 'base'} (newest: {migrate.latest()})")


@contextmanager
def _told_in_words() -> Iterator[None]:
    from alembic.util import CommandError as AlembicError  # noqa: PLC0415 - see above
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - see above

    try:
        yield
    except (AlembicError, SQLAlchemyError) as error:
        raise CommandError(str(error)) from error
