"""What changed between two JSON Schemas, for whoever sends by them or is sent by them. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from services.control_plane.asyncapi.references import References

Direction = Literal["receive", "send"]
"""Which way messages go, as an operation's action says it: what the API receives, or sends."""

Kind = Literal[
    "channel_added",
    "channel_removed",
    "operation_added",
    "operation_removed",
    "message_added",
    "message_removed",
    "property_added",
    "property_removed",
    "property_now_required",
    "property_now_optional",
    "type_changed",
    "values_changed",
    "schema_changed",
]

Place = tuple[object, ...]
Finding = tuple[Kind, bool, Place]
"""A kind of change, whether it breaks, and where."""

MAX_COMPARED: Final = 20_000
MAX_DEPTH: Final = 100

_TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
_ALTERNATIVES: Final = ("allOf", "anyOf", "oneOf")

_WORDS: Final = frozenset({"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"})
_ELSEWHERE: Final = frozenset({"externalDocs", "discriminator", "definitions", "$defs", "$id", "$schema", "$comment"})
_COMPARED: Final = frozenset({"type", "enum", "const", "properties", "required", "items", *_ALTERNATIVES})
_APART: Final = _WORDS | _ELSEWHERE | _COMPARED

Pairs = frozenset[tuple[int, int]]
"""What is being compared already, further up: a schema may refer to itself."""


class TooDifferentError(Exception):
    """There is more to compare than anybody would read."""


class SchemaComparison:
    def __init__(self, old: References, new: References) -> None:
        self.old = old
        self.new = new
        self._left = MAX_COMPARED

    def compare(
        self, before: Any, after: Any, direction: Direction, place: Place, above: Pairs = frozenset()
    ) -> Iterator[Finding]:
        """Yield the changes. Raises `TooDifferentError`."""
        before, after, above = self._enter(before, after, above)
        if before is after is None:
            return
        if not _is_schema(before) or not _is_schema(after):
            if not self._is_same(before, after, above - {(id(before), id(after))}):
                yield "schema_changed", True, place
            return
        yield from _compare_sets("type_changed", _types_of(before), _types_of(after), direction, place)
        self._left -= len(before.get("enum", ())) + len(after.get("enum", ()))
        yield from _compare_sets("values_changed", _values_of(before), _values_of(after), direction, place)
        yield from _compare_required(before, after, direction, place)
        yield from self._compare_properties(before, after, direction, place, above)
        for key in ("items", *_ALTERNATIVES):
            if key in before or key in after:
                yield from self._compare_part(before.get(key), after.get(key), direction, (*place, key), above)
        if not self._is_same(_rest(before), _rest(after), above):  # whether another pattern breaks, nobody can tell
            yield "schema_changed", True, place

    def _enter(self, before: Any, after: Any, above: Pairs) -> tuple[Any, Any, Pairs]:
        """Return what two references lead to; nothing where that is being compared already."""
        self._left -= 1
        if self._left < 0 or len(above) > MAX_DEPTH:
            raise TooDifferentError
        before, after = self.old.follow(before), self.new.follow(after)
        pair = (id(before), id(after))
        return (None, None, above) if pair in above else (before, after, above | {pair})

    def _compare_properties(
        self, before: Any, after: Any, direction: Direction, place: Place, above: Pairs
    ) -> Iterator[Finding]:
        old, new = before.get("properties", {}), after.get("properties", {})
        for name in old:
            if name not in new:
                yield "property_removed", True, (*place, "properties", name)
        for name, schema in new.items():
            where = (*place, "properties", name)
            if name in old:
                yield from self.compare(old[name], schema, direction, where, above)
            else:
                yield "property_added", direction == "receive" and name in after.get("required", ()), where

    def _compare_part(
        self, before: Any, after: Any, direction: Direction, place: Place, above: Pairs
    ) -> Iterator[Finding]:
        """Compare what is a schema, or a list of them by their order."""
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.compare(before, after, direction, place, above)
        elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
            for index, pair in enumerate(zip(before, after, strict=True)):
                yield from self.compare(*pair, direction, (*place, index), above)
        elif before != after:
            yield "schema_changed", True, place

    def _is_same(self, before: Any, after: Any, above: Pairs) -> bool:
        """Tell whether two values are the same, whatever their references are called."""
        before, after, above = self._enter(before, after, above)
        if isinstance(before, dict) and isinstance(after, dict):
            return before.keys() == after.keys() and all(
                self._is_same(before[key], after[key], above) for key in before
            )
        if isinstance(before, list) and isinstance(after, list):
            return len(before) == len(after) and all(
                self._is_same(*pair, above) for pair in zip(before, after, strict=True)
            )
        return bool(before == after)


def _is_schema(value: Any) -> bool:
    """Tell whether a value has the shape of a schema: a reference may lead to anything, and formats have their own."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("properties", {}), dict)
        and isinstance(value.get("enum", []), list)
        and (isinstance(value.get("type", ""), str) or _are_names(value["type"]))
        and _are_names(value.get("required", []))
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _rest(schema: Any) -> dict[str, Any]:
    return {key: item for key, item in schema.items() if key not in _APART and not key.startswith("x-")}


def _compare_sets(
    kind: Kind, before: frozenset[str] | None, after: frozenset[str] | None, direction: Direction, place: Place
) -> Iterator[Finding]:
    """Compare what may stand at a place. It breaks where a sender has more to choose from than its receiver takes."""
    if before != after:
        sent, taken = (before, after) if direction == "receive" else (after, before)
        yield kind, taken is not None and (sent is None or not sent <= taken), place


def _types_of(schema: Any) -> frozenset[str]:
    given = schema.get("type", _TYPES)
    types = frozenset({given} if isinstance(given, str) else given)
    return types | {"integer"} if "number" in types else types


def _values_of(schema: Any) -> frozenset[str] | None:
    """Return the values that a schema lists, or None where it lists none, and any will do."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if listed is None else frozenset(json.dumps(value, sort_keys=True) for value in listed)


def _compare_required(before: Any, after: Any, direction: Direction, place: Place) -> Iterator[Finding]:
    """Compare which properties must be there, of those that both know: the others are told as added or removed."""
    old, new = before.get("required", ()), after.get("required", ())
    added = after.get("properties", {}).keys() - before.get("properties", {}).keys()
    removed = before.get("properties", {}).keys() - after.get("properties", {}).keys()
    for name in new:
        if name not in old and name not in added:
            yield "property_now_required", direction == "receive", (*place, "properties", name)
    for name in old:
        if name not in new and name not in removed:
            yield "property_now_optional", direction == "send", (*place, "properties", name)
