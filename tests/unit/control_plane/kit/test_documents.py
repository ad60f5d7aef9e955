import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.control_plane.kit.documents import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_DIGITS,
    DocumentError,
    UnreadableError,
    read_json,
    read_yaml,
)

Read = Callable[[bytes], Any]

BOTH = pytest.mark.parametrize("read", [read_json, read_yaml])

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def refused(read: Read, content: bytes) -> tuple[str, str]:
    """Return what a reader says, and the place that it names."""
    with pytest.raises(DocumentError) as caught:
        read(content)
    return str(caught.value), caught.value.place


@given(JSON_VALUES)
def test_json_comes_back(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: {b: [1, x, 'y', \"z\"]}", {"a": {"b": [1, "x", "y", "z"]}}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("[no, on, yes, 2026-01-01, 1:30, <<]", ["no", "on", "yes", "2026-01-01", "1:30", "<<"]),
        ("[true, False, ~, null, '']", [True, False, None, None, ""]),
        ("a:", {"a": None}),
        ("[1.0, -2, +3, 0x1f, 0o17, 017, 1e3, .5]", [1.0, -2, 3, 31, 15, 17, 1000.0, 0.5]),
        ("['1.0', !!str 1.0, ! 2]", ["1.0", "1.0", "2"]),
        ("{200: a, true: b, null: c}", {"200": "a", "true": "b", "null": "c"}),
        ("\ufeff# said first\n---\na: b\n...\n", {"a": "b"}),
        ("", None),
        ('{"a": [{"b": null}]}', {"a": [{"b": None}]}),
    ],
)
def test_yaml_is_read_by_its_core_schema(text: str, value: Any) -> None:
    assert read_yaml(text.encode()) == value


@BOTH
def test_what_is_too_long_is_not_looked_at(read: Read) -> None:
    assert refused(read, b" " * (MAX_BYTES + 1)) == (f"is longer than {MAX_BYTES} bytes", "")


@BOTH
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 100_000])
def test_what_is_nested_too_deep_is_refused(read: Read, levels: int) -> None:
    assert refused(read, b"[" * levels + b"]" * levels) == (f"is nested deeper than {MAX_DEPTH} levels", "")
    assert refused(read, b'{"a":' * levels + b"1" + b"}" * levels)[0] == f"is nested deeper than {MAX_DEPTH} levels"


@BOTH
def test_as_deep_as_allowed_is_read(read: Read) -> None:
    read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


@BOTH
def test_a_value_costs_no_path(read: Read) -> None:
    values, above = 20_000, MAX_DEPTH - 1
    tracemalloc.start()
    try:
        read(b"[" * above + b'["x"' + b',"x"' * values + b"]" + b"]" * above)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 300 * values


@BOTH
def test_a_key_that_stands_twice_is_refused(read: Read) -> None:
    message, place = refused(read, b'{"a": {"b": 1, "c": 2, "b": 3}}')
    assert (message, place) == ("stands there twice", "a.b")


@BOTH
@pytest.mark.parametrize("content", [b"\xff", b"{", b"{]", b"a: b: c", b"\x00"])
def test_what_can_not_be_read_is_told_apart(read: Read, content: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(content)


def test_says_where_it_can_not_be_read() -> None:
    assert refused(read_json, b'{"a":\n 1,}')[0].endswith("line 2, column 4")
    assert refused(read_yaml, b"a: b\n  c: d")[0].endswith("line 2, column 4")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_json_numbers_are_finite(number: str) -> None:
    assert refused(read_json, number.encode())[0] == "a number must be finite"


@pytest.mark.parametrize("number", ["1e999", ".inf", "-.INF", ".nan"])
def test_yaml_numbers_are_finite(number: str) -> None:
    assert refused(read_yaml, f"a: [{number}]".encode()) == ("a number must be finite", "a.0")


@BOTH
def test_a_number_has_an_end(read: Read) -> None:
    assert read(b"1" * MAX_DIGITS) == int("1" * MAX_DIGITS)
    for length in (MAX_DIGITS + 1, 10_000):
        assert refused(read, b"[" + b"1" * length + b"]")[0] == "a number is too long"


@pytest.mark.parametrize("prefix", ["0x", "0o"])
def test_a_number_of_another_base_has_an_end(prefix: str) -> None:
    json.dumps(read_yaml(f"{prefix}{'7' * (MAX_DIGITS - 2)}".encode()))
    assert refused(read_yaml, f"a: {prefix}{'7' * 9000}".encode()) == ("a number is too long", "a")


def test_half_a_character_is_refused() -> None:
    assert "half a character" in refused(read_json, b'{"a": "\\ud800"}')[0]
    assert "half a character" in refused(read_json, b'{"\\udfff": 1}')[0]
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: &x 1", "anchors and aliases are not taken: write it out", "a"),
        ("a: [&x {b: 1}, *x]", "anchors and aliases are not taken: write it out", "a.0"),
        ("&x a: 1", "anchors and aliases are not taken: write it out", ""),
        ("a: !!python/object/apply:os.system [id]", "tags are not taken", "a"),
        ("a: !local b", "tags are not taken", "a"),
        ("a: !!binary aGk=", "tags are not taken", "a"),
        ("? [a]\n: b", "a key must be a text", ""),
        ("a: 1\n---\nb: 2", "holds several documents: only one is read", ""),
        ("a: {'b': 1, b: 2}", "stands there twice", "a.b"),
    ],
)
def test_yaml_that_json_can_not_say_is_refused(text: str, message: str, place: str) -> None:
    assert refused(read_yaml, text.encode()) == (message, place)


def test_a_billion_laughs_stay_unbuilt() -> None:
    laughs = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 9}]\n" for n in range(1, 30))
    assert refused(read_yaml, laughs.encode())[1] == "a0"
