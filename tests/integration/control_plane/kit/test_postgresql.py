"""A PostgreSQL that stops answering while its connections stand."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from services.control_plane.kit import problems
from services.control_plane.kit.database import make_engine
from services.control_plane.kit.postgresql import PING_SECONDS, is_passing

SECONDS = 0.4


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = make_engine(postgresql_url, answer_seconds=SECONDS)
    yield engine
    engine.dispose()


def server_of(connection: Connection) -> int:
    """Return the process that serves a connection."""
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


@contextmanager
def halted(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_answer_is_not_waited_for_without_a_limit(engine: Engine) -> None:
    with engine.connect() as connection, halted(server_of(connection)):
        began = time.monotonic()
        with pytest.raises(OperationalError) as given_up:
            connection.execute(text("SELECT 1"))
        assert SECONDS <= time.monotonic() - began < SECONDS + 2
        assert given_up.value.connection_invalidated, "nobody gets it, nor its late answer"


def test_a_connection_that_went_silent_in_the_pool_is_replaced(engine: Engine) -> None:
    with engine.connect() as connection:
        silent = server_of(connection)
    with halted(silent):
        began = time.monotonic()
        with engine.connect() as connection:
            assert server_of(connection) != silent
        assert time.monotonic() - began < SECONDS + 2


def test_a_slow_answer_is_waited_for(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1 FROM pg_sleep(:some)"), {"some": SECONDS / 2}).scalar_one() == 1


def test_a_migration_waits_outside_a_transaction_as_well(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url, answer_seconds=PING_SECONDS + 5, ping_seconds=PING_SECONDS + 5)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        slow = text("SELECT 1 FROM pg_sleep(:some)")
        assert connection.execute(slow, {"some": PING_SECONDS + 0.1}).scalar_one() == 1
    engine.dispose()


def test_a_standby_says_that_it_is_one(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(InternalError) as refused:
            connection.execute(text("CREATE TABLE one (id int)"))
        assert is_passing(refused.value.orig)
        connection.rollback()
        with pytest.raises(Exception, match="nothing") as mistaken:
            connection.execute(text("SELECT nothing"))
        assert not is_passing(mistaken.value)


def test_connections_to_a_server_that_became_a_standby_are_left(engine: Engine) -> None:
    """It answers, so that asking whether it is there finds nothing: here others of the pool go with it."""
    with engine.connect() as one, engine.connect() as another:
        servers = {server_of(one), server_of(another)}
        one.rollback()
        one.execute(text("SET default_transaction_read_only = on"))
        one.commit()
        with pytest.raises(InternalError) as refused:
            one.execute(text("CREATE TABLE one (id int)"))
        assert refused.value.connection_invalidated
    with engine.connect() as one, engine.connect() as another:
        assert not servers & {server_of(one), server_of(another)}
        one.execute(text("CREATE TEMPORARY TABLE one (id int)"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InternalError("", {}, psycopg.errors.ReadOnlySqlTransaction()), (503, "2")),
        (
            InternalError("", {}, psycopg.errors.IdleInTransactionSessionTimeout(), connection_invalidated=True),
            (503, "2"),
        ),
        (DBAPIError("", {}, psycopg.errors.UndefinedTable()), (500, None)),
    ],
    ids=["a standby", "an ended connection", "our mistake"],
)
async def test_who_asks_is_told_to_come_back_unless_it_is_our_mistake(
    error: DBAPIError, expected: tuple[int, str | None]
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers.get("Retry-After")) == expected
