"""SQLite and PostgreSQL as we set them up."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from services.control_plane.identity.models import AccountRole, Role
from services.control_plane.kit.database import POOL_SIZE, Database


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.close()


def roles(session: Session) -> list[str]:
    return [row[0] for row in session.execute(text("SELECT name FROM role ORDER BY name"))]


def test_a_block_that_fails_is_undone(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(Role(name="a"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.writing() as session:
        session.add(Role(name="b"))
    with database.reading() as session:
        assert roles(session) == ["b"]


def test_foreign_keys_hold(database: Database) -> None:
    with database.session(writes=True) as session:
        session.add(AccountRole(account_id="nobody", role="nothing"))
        with pytest.raises(IntegrityError):
            session.flush()


def test_a_snapshot_sees_one_moment(database: Database) -> None:
    with database.snapshot() as snapshot:
        assert roles(snapshot) == []
        with database.writing() as session:
            session.add(Role(name="later"))
        assert roles(snapshot) == []
    with database.reading() as session:
        assert roles(session) == ["later"]


def test_writers_wait_for_each_other_and_none_is_lost(database: Database) -> None:
    with database.writing() as session:
        session.add(Role(name="counter", scopes=[]))

    def count(worker: int) -> None:
        for number in range(5):
            with database.writing() as session:
                role = session.get_one(Role, "counter", with_for_update=True)
                role.scopes = [*role.scopes, f"{worker}-{number}"]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(6)))
    with database.reading() as session:
        assert len(session.get_one(Role, "counter").scopes) == 30


def test_a_named_lock_is_held_by_one(database: Database) -> None:
    inside, most, guard = 0, 0, threading.Lock()

    def enter(_: int) -> None:
        nonlocal inside, most
        with database.writing() as session:
            database.lock(session, "test")
            with guard:
                inside += 1
                most = max(most, inside)
            session.execute(text("SELECT count(*) FROM role"))
            with guard:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(24)))
    assert most == 1


def test_there_are_as_many_connections_as_threads(database: Database) -> None:
    everyone = threading.Barrier(POOL_SIZE, timeout=20)

    def hold(_: int) -> None:
        with database.reading() as session:
            roles(session)
            everyone.wait()

    with ThreadPoolExecutor(POOL_SIZE) as pool:
        list(pool.map(hold, range(POOL_SIZE)))
