"""References within a document, however they are laid."""

import time
from typing import Any

import pytest

from services.control_plane.asyncapi.references import DanglingError, References, check_references, resolve
from services.control_plane.kit.problems import InvalidError

DOCUMENT: dict[str, Any] = {
    "a": {"b/c": [{"$ref": "#/d"}, {"e": 1}], "{f}": 2},
    "d": {"e": 3},
    "g": {"$ref": "#/a"},
    "h": {"$ref": {"type": "string"}},
}


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("#/d", {"e": 3}),
        ("#/d/e", 3),
        ("#/a/b~1c/0", {"e": 3}),
        ("#/a/b~1c/0/e", 3),
        ("#/g/b~1c/1", {"e": 1}),
        ("#/a/%7Bf%7D", 2),
        ("#/h", {"$ref": {"type": "string"}}),
        ("#", DOCUMENT),
    ],
)
def test_a_reference_leads_to_a_value(reference: str, value: object) -> None:
    assert References(DOCUMENT).follow({"$ref": reference}) == value


@pytest.mark.parametrize(
    "reference",
    [
        "", "#/none", "#/a/b~1c/2", "#/a/b~1c/-1", "#/a/b~1c/\u0662", "#/a/b~1c/" + "9" * 10_000, "#/d/e/f", "#d",
        "other.yaml#/d", "http://10.0.0.1/", "file:///etc/passwd", "//host/a", "/d",
    ],
)  # fmt: skip
def test_a_reference_leads_nowhere_else(reference: str) -> None:
    with pytest.raises(DanglingError):
        References(DOCUMENT).follow({"$ref": reference})
    assert [error.field for error in check_references({"x": [{"$ref": reference}]}, 20)] == ["/x/0/$ref"]


CIRCLE = {"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}
CHAIN: dict[str, Any] = {f"a{n}": {"$ref": f"#/a{n + 1}"} for n in range(10_000)} | {"a10000": 1}
# Each step of each pointer is a reference by such a pointer.
TREE: dict[str, Any] = {f"a{n}": {"p": {"$ref": f"#/a{n + 1}/p/p/p/p"}} for n in range(40)} | {
    "a40": {"p": {"$ref": "#/a40"}}
}


@pytest.mark.parametrize("document", [CIRCLE, CHAIN, TREE], ids=["a circle", "a chain", "a tree"])
def test_references_that_never_end_are_given_up_early(document: dict[str, Any]) -> None:
    began = time.process_time()
    assert check_references(document, 20)
    assert time.process_time() - began < 2


def test_a_document_is_resolved_but_for_its_schemas() -> None:
    said = {"payload": {"$ref": "#/components/schemas/said"}}
    document: dict[str, Any] = {
        "channels": {"room": {"$ref": "#/components/channels/room"}},
        "operations": {"say": {"channel": {"$ref": "#/channels/room"}, "messages": [{"$ref": "#/x"}]}},
        "components": {
            "channels": {"room": {"messages": {"said": {"$ref": "#/components/messages/said"}}}},
            "messages": {"said": said},
            "schemas": {"said": {"properties": {"said": {"$ref": "#/components/schemas/said"}}}},
        },
        "x": {},
    }
    resolved = resolve(document)
    assert resolved["channels"] == {"room": {"messages": {"said": said}}}
    assert resolved["operations"] == document["operations"]
    assert resolved["components"]["schemas"] == document["components"]["schemas"]


BOMB: dict[str, Any] = {f"a{n}": {key: {"$ref": f"#/a{n + 1}"} for key in "bcdefghijk"} for n in range(25)} | {
    "a25": {}
}


@pytest.mark.parametrize("document", [BOMB, {"a": {"b": {"$ref": "#/a"}}}], ids=["a bomb", "without an end"])
def test_a_document_does_not_grow_without_end(document: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(InvalidError):
        resolve(document)
    assert time.process_time() - began < 2
