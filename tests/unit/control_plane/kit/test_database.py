import gc
import weakref
from pathlib import Path

import pytest
from sqlmodel import Session

from services.control_plane.kit.database import Database, make_engine


def test_another_database_is_refused_without_its_password() -> None:
    with pytest.raises(ValueError, match="neither SQLite nor PostgreSQL: mysql"):
        make_engine("mysql+pymysql://me:hidden@127.0.0.1/x")


@pytest.mark.parametrize("url", ["nonsense hidden", "sqlite://", "sqlite:///:memory:"])
def test_what_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|needs a file") as caught:
        make_engine(url)
    assert "hidden" not in str(caught.value)


def test_any_spelling_of_postgresql_takes_our_driver() -> None:
    engine = make_engine("postgresql://me@127.0.0.1:1/x")
    assert engine.dialect.driver == "psycopg"
    engine.dispose()


class Listener:
    def __init__(self, database: Database) -> None:
        self.database = database
        database.on_commit(self.hear)
        database.before_commit(self.hear)

    def hear(self, session: Session) -> None:
        """Hear of a commit."""


def test_a_closed_database_is_let_go_with_who_listened(tmp_path: Path) -> None:
    listener = Listener(Database(f"sqlite:///{tmp_path}/listened.db"))
    listener.database.close()
    left = weakref.ref(listener)
    del listener
    gc.collect()
    assert left() is None
