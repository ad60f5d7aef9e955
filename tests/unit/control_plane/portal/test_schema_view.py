from typing import Any

import pytest

from services.control_plane.asyncapi.references import References
from services.control_plane.portal.page_room import PageRoom
from services.control_plane.portal.schema_view import MAX_NODES, Node, SchemaView

TREE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 9, "description": "what it is called"},
        "colour": {"enum": ["red", "green"]},
        "more": {"type": "array", "items": {"$ref": "#/schemas/tree"}},
    },
}


def reading(**schemas: Any) -> SchemaView:
    return SchemaView(References({"schemas": schemas}), PageRoom())


def test_a_schema_is_told_with_its_parts() -> None:
    node = reading(tree=TREE).read({"$ref": "#/schemas/tree"})
    name, colour, more = node.parts
    assert node.kind == "tree: object"
    assert (name.name, name.required, name.facts) == ("name", True, ["at most 9 characters"])
    assert colour.facts == ["one of red, green"]
    assert [part.kind for part in more.parts] == ["tree: object, as above"]


def test_a_schema_that_grows_without_end_is_cut() -> None:
    wide = {"type": "object", "properties": {f"p{number}": {"$ref": "#/schemas/b"} for number in range(30)}}
    view = reading(a=wide, b={**wide, "title": "b"})
    assert count(view.read({"$ref": "#/schemas/a"})) <= MAX_NODES
    assert view.is_cut


def count(node: Node) -> int:
    return 1 + sum(map(count, node.parts))


@pytest.mark.parametrize(
    ("schema", "sample"),
    [
        (True, None),
        ({}, "text"),
        ({"const": 3}, 3),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "integer", "examples": [7]}, 7),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"oneOf": [{"type": "boolean"}, {}]}, True),
        ({"allOf": [{"properties": {"a": {"type": "integer"}}}, {"properties": {"b": {}}}]}, {"a": 0, "b": "text"}),
        ({"type": "array", "items": {"type": "null"}}, [None]),
        ({"type": ["object", "null"]}, {}),
        ({"$ref": "#/schemas/nothing"}, None),
    ],
)
def test_a_sample_is_what_the_schema_allows(schema: Any, sample: Any) -> None:
    assert reading().sample(schema) == sample


def test_a_sample_of_what_refers_to_itself_has_an_end() -> None:
    parts = {"a": {"$ref": "#/schemas/a"}, "list": {"type": "array", "items": {"$ref": "#/schemas/a"}}}
    assert reading(a={"properties": parts}).sample({"$ref": "#/schemas/a"}) == {"a": None, "list": [None]}


def test_samples_take_from_what_all_of_a_page_has_room_for() -> None:
    wide = {
        f"level{depth}": {"properties": {f"p{number}": {"$ref": f"#/schemas/level{depth + 1}"} for number in range(20)}}
        for depth in range(8)
    }
    view = reading(**wide, level8={"type": "string"})
    assert size(view.sample({"$ref": "#/schemas/level0"})) <= MAX_NODES * 20
    assert view.sample({"$ref": "#/schemas/level0"}) is None
    assert view.is_cut


def test_a_large_example_is_not_told_over_and_over() -> None:
    properties = {f"p{number}": {"$ref": "#/schemas/large"} for number in range(20)}
    view = reading(a={"properties": properties}, large={"example": [{"a": "x" * 600}] * MAX_NODES})
    assert [value is not None for value in view.sample({"$ref": "#/schemas/a"}).values()] == [True] + [False] * 19


def size(value: Any) -> int:
    return 1 + sum(map(size, value.values())) if isinstance(value, dict) else 1
