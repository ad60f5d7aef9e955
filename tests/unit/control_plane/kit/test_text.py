from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.text import Description, Name, ResourceId, ScopeToken, Word


def accepts(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("bad", ["", " ", "a\r\nb", "a\0", "a\x1b[2J", "a\u2028b", "a\x85b", "\ud800", "x" * 101])
def test_a_name_is_one_clean_line(bad: str) -> None:
    assert accepts(Name, "Prix de l'énergie 価格 🙂")
    assert not accepts(Name, bad)


def test_a_name_is_trimmed() -> None:
    assert TypeAdapter(Name).validate_python("  Echo ") == "Echo"


def test_a_description_may_have_lines_but_nothing_else_unseen() -> None:
    assert accepts(Description, "one\ntwo\r\n\tthree")
    assert not accepts(Description, "a\0")
    assert not accepts(Description, "x" * 10_001)


@pytest.mark.parametrize("bad", ["", "-x", "a b", "a/b", "ä", "a\n", "x" * 81])
def test_a_word_stands_in_a_path_as_it_is(bad: str) -> None:
    assert accepts(Word, "50PerMin.v2_x-1")
    assert not accepts(Word, bad)


@pytest.mark.parametrize("bad", ["", "a b", 'a"b', "a\\b", "ä"])
def test_a_scope_is_what_oauth_allows(bad: str) -> None:
    assert accepts(ScopeToken, "orders:read/all")
    assert not accepts(ScopeToken, bad)


@pytest.mark.parametrize("impossible", ["", "a b", "a\0b", "../x", "x" * 101])
def test_what_can_not_be_an_id_is_not_found(impossible: str) -> None:
    assert accepts(ResourceId, "de0a9f05-c87a-46c6")
    with pytest.raises(NotFoundError):
        accepts(ResourceId, impossible)
