"""Documents from outside: how they are read is told by the tests of `kit.documents`."""

import time
import tracemalloc
from typing import Any

import pytest

from services.control_plane.asyncapi.reading import MAX_BYTES, MAX_VALUES, read_document
from services.control_plane.kit.documents import MAX_DEPTH
from services.control_plane.kit.problems import InvalidError


def refusal(data: bytes | str, form: Any = None) -> tuple[str, str]:
    """Return the field and the message by which a document is refused."""
    with pytest.raises(InvalidError) as caught:
        read_document(data.encode() if isinstance(data, str) else data, form)
    [error] = caught.value.members["errors"]
    return error["field"], error["message"]


def test_without_a_form_what_begins_with_a_brace_is_json() -> None:
    assert read_document(b'\xef\xbb\xbf {"a": "\\/\\ud83d\\ude00"}') == {"a": "/\N{GRINNING FACE}"}
    assert read_document(b"a: 1\n") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "form", "field", "message"),
    [
        ("[1]", None, "document", "must be an object"),
        ("", None, "document", "must be an object"),
        ("a: [1", "yaml", "document", "not YAML: did not find expected"),
        ('{"a": }', "json", "document", "not JSON: Expecting value, line 1, column 7"),
        (b"a: \xff", "yaml", "document", "must be UTF-8"),
        ("a: {b: 1, b: 2}", "yaml", "/a/b", "stands there twice"),
        ('{"a": [{"b/c": 1, "b/c": 2}]}', "json", "/a/0/b~1c", "stands there twice"),
        ('{"a": "\\ud83d"}', "json", "/a", "holds half a character"),
        ("a/b: .inf", "yaml", "/a~1b", "a number must be finite"),
        ("a: [!!binary aGk=]", "yaml", "/a/0", "tags are not taken"),
        ("a: {b: &b 1}", "yaml", "/a/b", "anchors and aliases are not taken"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "bytes",
)
def test_what_is_wrong_is_named(text: str | bytes, form: Any, field: str, message: str) -> None:
    named, said = refusal(text, form)
    assert named == field
    assert said.startswith(message)


def test_a_document_has_a_size() -> None:
    assert refusal(b"a: " + b"b" * MAX_BYTES) == ("document", f"is longer than {MAX_BYTES} bytes")


DEEP = 100_000
BOMB = "\n".join(["a0: &a0 lol", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))])
MERGES = "a: &a {" + ", ".join(f"k{n}: 1" for n in range(9000)) + "}\n" + "b: {<<: *a}\n" * 20_000
MANY = f'{{"a": [{",".join(["0"] * 100_000)}]}}'


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ('{"a":' * DEEP, "json", f"is nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 200 + "1" + "}" * 200, "json", f"is nested deeper than {MAX_DEPTH} levels"),
        ("{a: " * DEEP, "yaml", f"is nested deeper than {MAX_DEPTH} levels"),
        ("{? " * DEEP, "yaml", "a key must be a text"),
        ("\n".join(" " * n + "a:" for n in range(900)), "yaml", f"is nested deeper than {MAX_DEPTH} levels"),
        (BOMB, "yaml", "anchors and aliases are not taken: write it out"),
        (MERGES, "yaml", "anchors and aliases are not taken: write it out"),
        (MANY, "json", f"holds more than {MAX_VALUES} values"),
        (MANY, "yaml", f"holds more than {MAX_VALUES} values"),
    ],
    ids=[
        "json without an end",
        "deep json",
        "yaml without an end",
        "keys in keys",
        "deep yaml",
        "billion laughs",
        "merges",
        "many values",
        "many values in yaml",
    ],
)
def test_a_hostile_document_costs_little(text: str, form: Any, message: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    assert refusal(text, form)[1] == message
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 10
    assert peak < 200 << 20
