"""The schema, up and down."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

from services.control_plane.kit import migrate
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database, make_engine
from services.control_plane.tables import METADATA
from services.control_plane.usage.gaps import find_gaps
from services.control_plane.usage.models import Usage
from services.control_plane.usage.steps import month_of
from shared.catalogue import digest_objects
from tests.support.waiting import wait_until

NOW: Final = "2030-01-01 00:00:00+00"
MOMENTS: Final = {"created_at": NOW, "updated_at": NOW}


def tables(url: str) -> set[str]:
    engine = make_engine(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_goes_up_down_and_up_and_is_what_the_models_say(database_url: str) -> None:
    for _ in range(2):
        assert migrate.current(database_url) is None
        migrate.upgrade(database_url)
        migrate.check(database_url)
        assert migrate.current(database_url) == migrate.latest()
        assert tables(database_url) == set(METADATA.tables)
        migrate.downgrade(database_url, "base")
        assert tables(database_url) == set()


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    code = "import sys; from services.control_plane.kit import migrate; migrate.upgrade(sys.argv[1])"
    with ThreadPoolExecutor(3) as pool:  # of processes: Alembic migrates once at a time in each
        list(pool.map(lambda _: subprocess.run([sys.executable, "-c", code, database_url], check=True), range(3)))
    migrate.upgrade(database_url)
    assert migrate.current(database_url) == migrate.latest()


def test_on_sqlite_all_migrations_are_one_transaction(tmp_path: Path) -> None:
    """Else processes that start together would do each other's."""
    url = f"sqlite:///{tmp_path}/framegate.db"
    migrate.upgrade(url, "0023")
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE organisation (name VARCHAR)"))
    engine.dispose()
    with pytest.raises(OperationalError, match="already exists"):
        migrate.upgrade(url)
    assert migrate.current(url) == "0023"


def test_indexes_are_built_beside_writes(postgresql_url: str) -> None:
    migrate.upgrade(postgresql_url, "0023")
    engine = make_engine(postgresql_url)
    try:
        with ThreadPoolExecutor(1) as pool, engine.connect() as early, engine.connect() as late:
            insert(early, "block", block("early"))
            migration = pool.submit(migrate.upgrade, postgresql_url, "0024")
            wait_until(lambda: is_waiting(engine))
            late.execute(text("SET lock_timeout = '1s'"))
            insert(late, "block", block("late"))
            late.commit()
            assert not migration.done()
            early.commit()
            migration.result()
        assert invalid_indexes(engine) == []
    finally:
        engine.dispose()
    assert migrate.current(postgresql_url) == "0024"


def test_an_index_whose_building_was_broken_off_is_built_anew(postgresql_url: str) -> None:
    migrate.upgrade(postgresql_url, "0023")
    engine = make_engine(postgresql_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE INDEX ix_block_value ON block (value)"))
            broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_block_value'::regclass"
            connection.execute(text(broken))
        assert invalid_indexes(engine) == ["ix_block_value"]
        migrate.upgrade(postgresql_url, "0024")
        assert invalid_indexes(engine) == []
    finally:
        engine.dispose()


def test_pods_are_told_the_names_of_owners(database_url: str) -> None:
    body = '{"id":"app","name":"Café","owner":"1","policy":"Unlimited"}'
    before = [("application", "app", body), ("api", "a", "{}")]
    rows = {
        "account": {"id": "1", "row_version": 1, "kind": "person", "name": "josé", "scopes": "[]", "disabled": False},
        "policy": {"id": "application/Unlimited", "row_version": 1, "level": "application", "name": "Unlimited"},
        "application": {"id": "app", "row_version": 1, "owner_id": "1", "name": "Café", "description": ""},
    }
    rows["account"] |= {"created_at": NOW}
    rows["policy"] |= {"description": "", "limits": "[]", "on_exceed": "delay", "builtin": True, **MOMENTS}
    rows["application"] |= {"policy_id": "application/Unlimited", **MOMENTS}
    migrate.upgrade(database_url, "0002")
    engine = make_engine(database_url)
    try:
        with engine.begin() as connection:
            for table, row in rows.items():
                insert(connection, table, row)
            for kind, id_, text_ in before:
                insert(connection, "catalogue_object", {"kind": kind, "id": id_, "body": text_})
            state = {"id": 1, "epoch": "old", "revision": 7, "digest": digest_objects(before)}
            insert(connection, "catalogue_state", state)
        migrate.upgrade(database_url)
        with engine.connect() as connection:
            after = {row.id: row for row in connection.execute(text("SELECT kind, id, body FROM catalogue_object"))}
            now = connection.execute(text("SELECT epoch, revision, digest FROM catalogue_state")).one()
    finally:
        engine.dispose()
    assert json.loads(after["app"].body) == {**json.loads(body), "owner": "josé"}
    assert now.digest == digest_objects((row.kind, row.id, row.body) for row in after.values())
    assert (now.epoch != "old", now.revision) == (True, 8)


def test_a_version_before_reads_paths_that_had_policies(database_url: str) -> None:
    path: dict[str, Any] = {"path": "/rooms/{id}", "scopes": [], "backend_path": None}
    names = dict.fromkeys(("id", "name", "context", "version", "context_key", "route_key", "owner"), "a")
    json_ = dict.fromkeys(("endpoints", "auth", "max_message_bytes"), "{}")
    rows: dict[str, dict[str, Any]] = {
        "policy": {"id": "api/Few", "row_version": 1, "level": "api", "name": "Few", "builtin": False, **MOMENTS},
        "api": {**names, **json_, **MOMENTS, "row_version": 1, "is_default": False, "state": "CREATED"},
        "api_path_policy": {"api_id": "a", "policy_id": "api/Few"},
    }
    rows["policy"] |= {"description": "", "limits": "[]", "on_exceed": "delay"}
    rows["api"] |= {"description": "", "visibility": "public", "origins": "[]"}
    rows["api"]["paths"] = json.dumps([path | {"policy": "Few"}, path])
    migrate.upgrade(database_url)
    engine = make_engine(database_url)
    try:
        with engine.begin() as connection:
            for table, row in rows.items():
                insert(connection, table, row)
        migrate.downgrade(database_url, "0018")
        with engine.connect() as connection:
            kept = connection.execute(text("SELECT CAST(paths AS TEXT) FROM api")).scalar_one()
    finally:
        engine.dispose()
    assert json.loads(kept) == [path, path]


@pytest.mark.parametrize("used", [True, False])
def test_the_bill_of_the_month_in_which_bills_began_is_incomplete(database_url: str, used: bool) -> None:
    migrate.upgrade(database_url, "0020")
    database = Database(database_url)
    now = system_clock()
    try:
        with database.writing() as session:
            if used:
                session.add(Usage(step="day", at=month_of(now), api_id="", application_id="", key_type="PRODUCTION"))
        migrate.upgrade(database_url)
        with database.reading() as session:
            gaps = find_gaps(session, month_of(now), system_clock(), of_bills=True)
            assert find_gaps(session, month_of(now), system_clock()) == []
        assert [(gap.cause, gap.since) for gap in gaps] == ([("bill_began", month_of(now))] if used else [])
    finally:
        database.close()
    migrate.downgrade(database_url, "base")


def insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)  # noqa: S608 - ours


def is_waiting(engine: Engine) -> bool:
    """Tell whether somebody waits for a lock in this database."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        return bool(connection.execute(text(asked)).scalar_one())


def invalid_indexes(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(
            connection.execute(text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")).scalars()
        )


def block(value: str) -> dict[str, Any]:
    return {"id": value, "row_version": 1, "kind": "user", "value": value, "created_at": NOW}
