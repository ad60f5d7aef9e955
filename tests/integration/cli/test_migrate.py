import pytest

from cli.errors import CommandError
from services.control_plane.kit import migrate
from tests.support.command import framegate


def test_goes_up_and_down_and_says_where_it_is(database_url: str) -> None:
    environment = {"FRAMEGATE_DATABASE_URL": database_url}
    newest = migrate.latest()
    assert framegate("migrate", "current", env=environment).out == f"base (newest: {newest})\n"
    assert framegate("migrate", "upgrade", env=environment).out == f"{newest} (newest: {newest})\n"
    assert framegate("migrate", "downgrade", "base", env=environment).out == f"base (newest: {newest})\n"
    assert framegate("migrate", "upgrade", "head", env=environment).out == f"{newest} (newest: {newest})\n"


def test_a_revision_that_is_not_known_is_told(database_url: str) -> None:
    error = framegate("migrate", "upgrade", "nonsense", "--database-url", database_url).error
    assert isinstance(error, CommandError)
    assert "nonsense" in str(error)


@pytest.mark.parametrize("url", ["nonsense", "postgresql+psycopg://me:pass%20word@127.0.0.1:1/x"])
def test_a_database_that_does_not_answer_is_told_without_its_password(url: str) -> None:
    error = framegate("migrate", "current", "--database-url", url).error
    assert isinstance(error, CommandError)
    assert "word" not in str(error)
