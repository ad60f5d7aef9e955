"""Runs migrations: bounded in time, and one process at a time."""

import time
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final, Literal

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from services.control_plane.kit.columns import AsJson
from services.control_plane.kit.database import make_engine
from services.control_plane.tables import METADATA

DEFAULT_URL: Final = "sqlite:///./framegate.db"

_QUEUE_SECONDS: Final = 60  # for other processes to finish their migrations
_ASK_SECONDS: Final = 0.2  # between two looks whether they have
_LOCK_SECONDS: Final = 4  # for a lock on a table: then the migration gives up, instead of holding up production
_STATEMENT_SECONDS: Final = 300


def run() -> None:
    # Tables are rebuilt by batch migrations on SQLite, which foreign keys would not let happen.
    limit = _STATEMENT_SECONDS + 1
    engine = make_engine(_find_url(), foreign_keys=False, answer_seconds=limit, ping_seconds=limit)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(engine, "connect", _wait_longer)
        engine = engine.execution_options(framegate_writes=True)
    try:
        with engine.connect() as connection:
            if not is_sqlite:
                _limit(connection)
            context.configure(
                connection=connection,
                target_metadata=METADATA,
                render_as_batch=True,
                render_item=_render_item,
                # One transaction takes SQLite's write lock before the revision is read: others wait until it is done.
                # Alembic would begin one for each migration, for it takes SQLite to have no transactional DDL.
                transactional_ddl=True,
                transaction_per_migration=not is_sqlite,
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


def _find_url() -> str:
    """Return the URL that a caller, or `alembic -x url=...`, gives."""
    given = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    return str(given or DEFAULT_URL)


def _wait_longer(connection: SqliteConnection, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_QUEUE_SECONDS * 1000}")


def _limit(connection: Connection) -> None:
    connection.execute(text(f"SET statement_timeout = '{_STATEMENT_SECONDS}s'"))
    connection.execute(text(f"SET lock_timeout = '{_LOCK_SECONDS}s'"))
    connection.commit()
    _queue(connection)


def _queue(connection: Connection) -> None:
    """Wait for other processes' migrations, in no transaction: an index that is built beside writes waits for all."""
    until = time.monotonic() + _QUEUE_SECONDS
    while not connection.execute(text("SELECT pg_try_advisory_lock(hashtext('framegate migrations'))")).scalar_one():
        connection.commit()
        if time.monotonic() > until:
            raise CommandError("another process migrates the database: try again when it is done")
        time.sleep(_ASK_SECONDS)
    connection.commit()


def _render_item(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write types as what they are to a database: a migration must not change when our code does."""
    if kind != "type":
        return False
    names = {AsJson: "sa.JSON()", AutoString: "sa.String()", UTCDateTime: "sa.DateTime(timezone=True)"}
    return next((name for known, name in names.items() if isinstance(item, known)), False)


run()
