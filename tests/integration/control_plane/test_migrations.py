"""The schema, up and down."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import inspect

from services.control_plane.kit import migrate
from services.control_plane.kit.database import make_engine
from services.control_plane.tables import METADATA


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
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(migrate.current, [database_url] * 3))
    for _ in range(2):
        migrate.upgrade(database_url)
    assert migrate.current(database_url) == migrate.latest()
