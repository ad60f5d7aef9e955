"""SQLite and PostgreSQL behind one face: sessions that read, and sessions that write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import sessionmaker
from sqlmodel import Session, SQLModel

from services.control_plane.kit import tenancy
from services.control_plane.kit.postgresql import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    PING_SECONDS,
    SERVER_LIMITS,
    leave_standbys,
    limit_answers,
)

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

POOL_SIZE: Final = 20
"""Connections of a process. `kit.routing` lets no more requests in than these serve."""

POOL_TIMEOUT_SECONDS: Final = 10

_BUSY_SECONDS: Final = 5
_WRITES: Final = "framegate_writes"


class Database:
    """Makes sessions. On SQLite a session that writes takes the write lock when it begins."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._reading = sessionmaker(self.engine, class_=Session, expire_on_commit=False)
        writing = self.engine.execution_options(**{_WRITES: True})
        self._writing = sessionmaker(writing, class_=Session, expire_on_commit=False)
        for sessions in (self._reading, self._writing):
            tenancy.guard(sessions)
        self._listeners: list[tuple[str, Callable[[Session], None]]] = []

    def session(self, *, writes: bool) -> Session:
        """Return a session whose end is the caller's duty."""
        return self._writing() if writes else self._reading()

    @contextmanager
    def reading(self, organisation: str | None = None) -> Iterator[Session]:
        """Yield a session that sees what belongs to an organisation; to all where none is named."""
        with self.session(writes=False) as session:
            if organisation is not None:
                tenancy.hold(session, organisation)
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose changes are kept if the block ends well."""
        with self.session(writes=True) as session:
            yield session
            session.commit()

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Yield a session that sees one moment of the database, whatever others commit meanwhile."""
        with self.session(writes=False) as session:
            if self.is_postgresql:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def lock(self, session: Session, name: str) -> None:
        """Wait until no other transaction holds this lock, and hold it to the end of this one.

        On SQLite a transaction that writes excludes all others as it is, once it has begun.
        """
        session.connection()
        if self.is_postgresql:
            session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"framegate {name}"})

    def on_commit(self, callback: Callable[[Session], None]) -> None:
        """Call back after each commit of a session that writes."""
        self._listen("after_commit", callback)

    def before_commit(self, callback: Callable[[Session], None]) -> None:
        """Call back before each session that writes commits: what is written then is part of its transaction."""

        def call(session: Session) -> None:
            if not session.in_nested_transaction():  # a savepoint's end is no commit
                callback(session)

        self._listen("before_commit", call)

    def ping(self) -> None:
        """Ask the database for a sign of life. Raises `OperationalError`."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections, and let go of who listens: SQLAlchemy would keep them, and so this, for ever."""
        self.engine.dispose()
        while self._listeners:
            event.remove(self._writing, *self._listeners.pop())

    def _listen(self, name: str, callback: Callable[[Session], None]) -> None:
        event.listen(self._writing, name, callback)
        self._listeners.append((name, callback))


class DatabaseUrlError(ArgumentError, ValueError):
    """A URL that is no database of ours. It is never repeated, for it may hold a password."""


def check_url(url: str) -> URL:
    """Return a database's URL in its parts. Raises `DatabaseUrlError`."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUrlError("must be a database's URL") from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise DatabaseUrlError(f"neither SQLite nor PostgreSQL: {parsed.get_backend_name()}")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlError("SQLite needs a file: each connection would have a memory of its own")
    return parsed


def make_engine(
    url: str, *, foreign_keys: bool = True, answer_seconds: float = ANSWER_SECONDS, ping_seconds: float = PING_SECONDS
) -> Engine:
    """Return an engine with the limits that every connection of ours has. Raises `DatabaseUrlError`."""
    parsed = check_url(url)
    pool: dict[str, Any] = {"pool_size": POOL_SIZE, "max_overflow": 0, "pool_timeout": POOL_TIMEOUT_SECONDS}
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, hide_parameters=True, **pool)
        _prepare_sqlite(engine, foreign_keys=foreign_keys)
        return engine
    options = " ".join(f"-c {name}={value}" for name, value in SERVER_LIMITS.items())
    limits = {"options": options, "connect_timeout": CONNECT_SECONDS}
    parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=limits, **pool)
    limit_answers(engine, answer_seconds, ping_seconds)
    leave_standbys(engine)
    return engine


def _prepare_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    def connect(connection: SqliteConnection, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing: `begin` below does
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        # A transaction that reads first and writes later could not wait for another writer: it would fail at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
