import json

import pytest
import yaml

from cli.output import show, show_rows, to_yaml
from cli.tokens import Output

ROWS = [{"name": "a", "ok": True, "tags": ["x", "y"], "more": 1}, {"name": "longer", "ok": False, "tags": []}]


def test_a_table_shows_some_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, ("name", "ok", "tags", "last_seen"), Output.text)
    assert capsys.readouterr().out.splitlines() == [
        "NAME    OK   TAGS  LAST SEEN",
        "a       yes  x, y  -",
        "longer  no         -",
    ]


def test_programs_get_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, ("name",), Output.json)
    assert json.loads(capsys.readouterr().out) == ROWS
    show({"a": None}, Output.json)
    assert json.loads(capsys.readouterr().out) == {"a": None}


def test_yaml_keeps_lines_and_order() -> None:
    value = {"b": "two\nlines\n", "a": ["1.0", "on", None, "\u00e9"]}
    text = to_yaml(value)
    assert text == "b: |\n  two\n  lines\na:\n- '1.0'\n- 'on'\n- null\n- \u00e9\n"
    assert yaml.safe_load(text) == value
