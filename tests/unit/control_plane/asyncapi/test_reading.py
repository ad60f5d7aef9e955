"""Documents from outside: read as they mean, and refused before they grow."""

import time
import tracemalloc
from typing import Any

import pytest

from services.control_plane.asyncapi.reading import MAX_BYTES, MAX_DEPTH, MAX_TEXT, MAX_VALUES, read_document
from services.control_plane.kit.problems import InvalidError


def refusal(data: bytes | str, form: Any = None) -> tuple[str, str]:
    """Return the field and the message by which a document is refused."""
    with pytest.raises(InvalidError) as caught:
        read_document(data.encode() if isinstance(data, str) else data, form)
    [error] = caught.value.members["errors"]
    return error["field"], error["message"]


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("-12", -12),
        ("1.50", 1.5),
        ("1.0.0", "1.0.0"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("=", "="),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 7", 7),
        ("!!float 1.5", 1.5),
        ("|\n    two\n    lines\n", "two\nlines\n"),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
    ],
)
def test_yaml_means_what_yaml_1_2_says(yaml: str, value: object) -> None:
    read = read_document(f"a: {yaml}".encode(), "yaml")["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_texts_as_they_stand() -> None:
    assert read_document(b"200: a\n1.0: b\nnull: c\n? d\n: e\n") == {"200": "a", "1.0": "b", "null": "c", "d": "e"}


def test_anchors_and_merge_keys_stand_for_what_they_name() -> None:
    text = b"a: &a {x: 1, y: 2}\nb: &b {y: 3}\nc: *a\nd: {<<: *a, x: 9}\ne: {<<: [*a, *b]}\nf: {'<<': 1}\n&k g: *k\n"
    read = read_document(text)
    assert read["c"] == {"x": 1, "y": 2}
    assert read["d"] == {"x": 9, "y": 2}
    assert read["e"] == {"x": 1, "y": 2}
    assert read["f"] == {"<<": 1}
    assert read["g"] == "g"


def test_without_a_form_what_begins_with_a_brace_is_json() -> None:
    assert read_document(b'\xef\xbb\xbf {"a": "\\/\\ud83d\\ude00"}') == {"a": "/\N{GRINNING FACE}"}
    assert read_document(b"a: 1\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "form", "field", "message"),
    [
        ("[1]", None, "document", "must be an object"),
        ("", None, "document", "must be an object"),
        ("a: 1\n--- \nb: 2", "yaml", "document", "must be one YAML document, not several"),
        ("a: [1", "yaml", "document", "is not YAML: did not find expected ',' or ']' at line 1, column 6"),
        ("a: \x01", "yaml", "document", "is not YAML: it holds a character that is not allowed"),
        (
            "a: b: c",
            "yaml",
            "document",
            "is not YAML: mapping values are not allowed in this context at line 1, column 5",
        ),
        ('{"a": }', "json", "document", "is not JSON: Expecting value at line 1, column 7"),
        ('{"a": NaN}', "json", "document", "is not JSON: NaN"),
        (b"a: \xff", "yaml", "document", "is not UTF-8 at byte 3"),
        ("a: {b: 1, b: 2}", "yaml", "/a/b", "is named twice"),
        ('{"a": [{"b/c": 1, "b/c": 2}]}', "json", "/a/0/b~1c", "is named twice"),
        ('{"a": 1, "a": 1}', "json", "/a", "is named twice"),
        ('{"a": "\\ud83d"}', "json", "/a", "holds half of a surrogate pair, which UTF-8 can't tell"),
        ('{"\\udc00": 1}', "json", "document", "holds half of a surrogate pair, which UTF-8 can't tell"),
        ('{"a": 1e999}', "json", "/a", "must be a finite number"),
        ("a: [.inf]", "yaml", "/a/0", "must be a finite number"),
        ("a: .nan", "yaml", "/a", "must be a finite number"),
        ("a: 1e999", "yaml", "/a", "must be a finite number"),
        ("a: *b", "yaml", "/a", "is an alias of nothing that is whole before it"),
        ("a: &a [*a]", "yaml", "/a/0", "is an alias of nothing that is whole before it"),
        ("a: {? [b] : c}", "yaml", "/a", "has a key that is no text"),
        ("a: {<<: 1}", "yaml", "/a/<<", "must be a mapping, or several"),
        ("a: !!python/object/apply:os.system [id]", "yaml", "/a", "has a tag that JSON does not know"),
        ("a: !!binary aGk=", "yaml", "/a", "has a tag that JSON does not know, or that its value is not of"),
        ("a: !!int b", "yaml", "/a", "has a tag that JSON does not know, or that its value is not of"),
        ("a: !!set {b}", "yaml", "/a", "has a tag that JSON does not know"),
        (f"a: {'9' * 5000}", "yaml", "/a", "is a number of more than 100 characters"),
        (f'{{"a": {"9" * 5000}}}', "json", "document", "holds a number of more than 100 digits"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "bytes",
)
def test_what_is_wrong_is_named(text: str | bytes, form: Any, field: str, message: str) -> None:
    named, said = refusal(text, form)
    assert (named, said.partition(" at line")[0]) == (field, message.partition(" at line")[0])


def test_a_document_has_a_size() -> None:
    assert refusal(b"a: " + b"b" * MAX_BYTES) == ("document", f"is larger than {MAX_BYTES} bytes")


DEEP = 100_000
BOMB = "\n".join(["a0: &a0 lol", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))])
LONG = f"a: &a {'x' * 400_000}\nb: [{', '.join(['*a'] * 1000)}]"
MERGES = (
    "a: &a {"
    + ", ".join(f"k{n}: 1" for n in range(9000))
    + "}\n"
    + "\n".join(f"b{n}: {{<<: *a}}" for n in range(20_000))
)
LADDER = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))])
MANY = f'{{"a": [{",".join(["0"] * 100_000)}]}}'


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ('{"a":' * DEEP, "json", f"is deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 200 + "1" + "}" * 200, "json", f"is deeper than {MAX_DEPTH} levels"),
        ("[" * DEEP, "yaml", "is not YAML: exceeded maximum nesting depth"),
        ("{? " * DEEP, "yaml", "has a key that is no text"),
        ("\n".join(" " * n + "a:" for n in range(900)), "yaml", f"is deeper than {MAX_DEPTH} levels"),
        (LADDER, "yaml", f"is deeper than {MAX_DEPTH} levels"),
        (BOMB, "yaml", f"holds more than {MAX_VALUES} values, counting what aliases repeat"),
        (LONG, "yaml", f"holds more than {MAX_TEXT} characters, counting what aliases repeat"),
        (MERGES, "yaml", "merges more than 10000 entries"),
        (MANY, "json", f"holds more than {MAX_VALUES} values, counting what aliases repeat"),
        (MANY, "yaml", f"holds more than {MAX_VALUES} values, counting what aliases repeat"),
    ],
    ids=[
        "json without an end",
        "deep json",
        "yaml without an end",
        "keys in keys",
        "deep yaml",
        "a ladder of aliases",
        "billion laughs",
        "a long text repeated",
        "merges",
        "many values",
        "many values in yaml",
    ],
)
def test_a_hostile_document_costs_little(text: str, form: Any, message: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    assert refusal(text, form)[1].partition(" at line")[0] == message
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 5
    assert peak < 100 << 20
