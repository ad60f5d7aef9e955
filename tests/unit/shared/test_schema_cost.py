"""What schemas cost, and which are not to be checked."""

from typing import Any

import pytest

from shared.schema_cost import MAX_CHAIN, MAX_DEPTH, MAX_PARTS, CostlyError, measure


def refer(name: object) -> dict[str, Any]:
    return {"$ref": f"#/definitions/{name}"}


def define(**definitions: Any) -> dict[str, Any]:
    return {"allOf": [refer("a")], "definitions": definitions}


def chain(links: int, last: Any) -> dict[str, Any]:
    """Return a schema in which each link asks the next one twice."""
    definitions = {str(link): {"allOf": [refer(link + 1), {"allOf": [refer(link + 1)]}]} for link in range(links)}
    return {**refer(0), "definitions": definitions | {str(links): last}}


def test_each_keyword_and_value_counts() -> None:
    assert measure(True).parts == 1
    assert measure({"type": "object", "enum": [1, {"a": 2}], "required": ["a"]}).parts == 1 + 1 + 202 + 2
    assert measure({"properties": {"enum": {"$ref": "#"}, "x": True}}).parts == 6


def test_patterns_count_and_formats_a_little() -> None:
    schema = {"properties": {f"f{number}": {"format": "email"} for number in range(11)}, "patternProperties": {"x": {}}}
    assert measure(schema).patterns == 3
    named = {"properties": {"pattern": {"const": 1}}}
    assert measure(named).patterns == 0


def test_what_is_reached_in_several_ways_counts_each_time() -> None:
    one, eight = measure(chain(0, {"pattern": "a"})), measure(chain(3, {"pattern": "a"}))
    assert (one.patterns, eight.patterns) == (1, 8)
    assert eight.parts > 8 * one.parts - 8
    assert measure({"const": {"$ref": "#/nowhere"}}).parts == 3


EXPRESSION = {"properties": {"left": refer("a"), "right": refer("a")}, "required": ["left"]}
SAFE: dict[str, dict[str, Any]] = {
    "a list": define(a={"properties": {"next": refer("a")}}),
    "a tree": define(a={"properties": {"children": {"items": refer("a")}}}),
    "a tree of two": define(a=EXPRESSION),
    "any JSON": define(a={"items": refer("a"), "additionalProperties": refer("a")}),
    "two in turn": define(a={"properties": {"b": refer("b")}}, b={"oneOf": [{"type": "null"}, refer("a")]}),
    "the schema itself": {"properties": {"more": {"$ref": "#"}}},
    "nothing but itself": define(a={"allOf": [refer("a")]}),
}


@pytest.mark.parametrize("name", SAFE)
def test_what_refers_to_itself_costs_once(name: str) -> None:
    assert measure(SAFE[name]).parts < 20


def inside(name: str, other: Any) -> dict[str, Any]:
    return {"properties": {"x": refer(name)}, "allOf": [other]}


def test_one_circle_in_another_costs_as_often_as_a_message_is_deep() -> None:
    two = measure(define(a=inside("a", refer("b")), b=inside("b", {})))
    assert MAX_DEPTH < two.parts < MAX_PARTS
    definitions = {"a": inside("a", refer("b")), "b": inside("b", refer("c")), "c": inside("c", refer("d"))}
    with pytest.raises(CostlyError, match="parts"):
        measure(define(**definitions, d=inside("d", {})))


def nested(depth: int, keyword: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(depth):
        schema = {"allOf": [schema], keyword: False}
    return schema


COSTLY: dict[str, tuple[Any, str, str]] = {
    "a chain of doublings": (chain(26, True), "over 10000 parts", "#/definitions/"),
    "one that leads back": (chain(22, {"items": refer(0)}), "more than one way", "#/definitions/"),
    "twice the same property": (
        define(a={"properties": {"x": refer("a")}, "patternProperties": {"^x": refer("a")}}),
        "more than one way",
        "#/definitions/a",
    ),
    "branches": (
        define(a={"anyOf": [refer("b"), refer("c")]}, b=EXPRESSION, c=EXPRESSION),
        "more than one way",
        "#/definitions/a",
    ),
    "itself, and what is left": (
        define(a={"properties": {"x": refer("a")}, "unevaluatedProperties": False}),
        "more than one way",
        "#/definitions/a",
    ),
    "what is left of what is left": (nested(20, "unevaluatedProperties"), "over 10000 parts", "#"),
    "items that are left": (nested(20, "unevaluatedItems"), "over 10000 parts", "#"),
    "a long chain": (
        {**refer(0), "definitions": {str(link): refer(link + 1) for link in range(MAX_CHAIN)}},
        "over 100 times",
        f"#/definitions/{MAX_CHAIN}",
    ),
    "elsewhere": ({"$ref": "http://elsewhere.test/schema"}, "none of its definitions", "http://elsewhere.test/schema"),
    "nowhere": (refer("x"), "none of its definitions", "#/definitions/x"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_what_would_cost_too_much_is_refused_by_name(name: str) -> None:
    schema, message, reference = COSTLY[name]
    with pytest.raises(CostlyError, match=message) as caught:
        measure(schema)
    assert caught.value.reference.startswith(reference)


@pytest.mark.parametrize("multiple", [1e-300, 9e-10, 0.1 + 0.2, 0, -1, float("inf")])
def test_a_multiple_is_not_too_fine(multiple: float) -> None:
    with pytest.raises(CostlyError, match="multipleOf"):
        measure({"items": {"multipleOf": multiple}})


@pytest.mark.parametrize("multiple", [1e-9, 0.01, 0.123456789012345, 1, 7, 2.5, 1e300, 10**400, True])
def test_a_multiple_weighs_as_much_as_hundreds(multiple: float) -> None:
    assert measure({"multipleOf": multiple}).parts == 301


def test_a_property_may_have_that_name() -> None:
    assert measure({"properties": {"multipleOf": {"const": 1e-300}}, "enum": [{"multipleOf": 1e-300}]}).parts < 300


def test_what_is_too_deep_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"not": schema}
    with pytest.raises(CostlyError, match="deep"):
        measure(schema)
