"""JSON Schemas as trees that people read, and samples of what they allow. Pure, and bounded."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from services.control_plane.asyncapi.pointers import split_fragment
from services.control_plane.asyncapi.references import DanglingError, References, reference_of
from services.control_plane.portal.page_room import PageRoom

MAX_NODES: Final = 400
"""In all of a page."""

_MAX_DEPTH: Final = 8
_MAX_NAME: Final = 100
_MAX_TEXT: Final = 300
_MAX_VALUES: Final = 20
_GROUPS: Final = {"oneOf": "one of", "anyOf": "any of", "allOf": "all of"}
_FACTS: Final = {
    "format": "format {}",
    "const": "always {}",
    "default": "by default {}",
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "like {}",
}
_SAMPLES: Final[dict[str, Any]] = {"string": "text", "integer": 0, "number": 0.5, "boolean": True, "null": None}
_FORMATS: Final = {
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "ann@example.com",
    "uri": "https://example.com",
    "uuid": "3f2c8c9e-5d0a-4a52-9a0f-6d1f6b6f6c11",
}


@dataclass(slots=True)
class Node:
    """A value of a schema: its name where it has one, what it may be, and its parts."""

    name: str
    kind: str
    required: bool = False
    description: str = ""
    facts: list[str] = field(default_factory=list)
    parts: list["Node"] = field(default_factory=list)


class SchemaView:
    """Reads the schemas of one document, as far as a page has room."""

    def __init__(self, references: References, room: PageRoom) -> None:
        self._references = references
        self._room = room
        self._left = MAX_NODES

    @property
    def is_cut(self) -> bool:
        return self._left <= 0 or self._room.is_full

    def read(self, schema: Any, name: str = "", *, required: bool = False) -> Node:
        return self._read(schema, name, (), required=required)

    def _read(self, given: Any, name: str, above: tuple[int, ...], *, required: bool = False) -> Node:
        self._left -= 1
        name, label = self._room.text(name, _MAX_NAME), _label(given)
        try:
            schema = self._references.follow(given)
        except DanglingError:
            return Node(name, "unknown", required)
        if not isinstance(schema, dict):
            return Node(name, "nothing" if schema is False else "anything", required)
        node = Node(name, self._kind(schema, label), required, self._text(schema.get("description")))
        node.facts = list(self._facts(schema))
        if id(schema) in above:
            node.kind += ", as above"
        elif len(above) < _MAX_DEPTH:
            node.parts = list(self._parts(schema, (*above, id(schema))))
        return node

    def _parts(self, schema: dict[str, Any], above: tuple[int, ...]) -> Iterator[Node]:
        needed = schema.get("required")
        needed = needed[:MAX_NODES] if isinstance(needed, list) else []
        for name, given, required in _children(schema, needed):
            if self.is_cut:
                return
            yield self._read(given, name, above, required=required)

    def _kind(self, schema: dict[str, Any], label: str) -> str:
        kinds = schema.get("type")
        kinds = kinds[:_MAX_VALUES] if isinstance(kinds, list) else [kinds] if kinds else []
        if not kinds:
            found = [words for group, words in _GROUPS.items() if group in schema]
            kinds = ["object"] if "properties" in schema else found or ["anything"]
        words, title = " or ".join(map(str, kinds)), label or schema.get("title")
        return self._text(f"{self._text(title)}: {words}" if title else words)

    def _facts(self, schema: dict[str, Any]) -> Iterator[str]:
        for key, words in _FACTS.items():
            if key in schema:
                yield words.format(self._text(schema[key]))
        values = schema.get("enum")
        if isinstance(values, list):
            shown = ", ".join(self._text(value) for value in values[:_MAX_VALUES])
            yield f"one of {shown}{' …' if len(values) > _MAX_VALUES else ''}"

    def _text(self, value: Any) -> str:
        return self._room.text(value, _MAX_TEXT)

    def sample(self, given: Any, above: tuple[int, ...] = ()) -> Any:
        """Return a value such as a schema allows, as far as that can be told at a glance."""
        try:
            schema = self._references.follow(given)
        except DanglingError:
            return None
        if not isinstance(schema, dict) or self.is_cut or id(schema) in above or len(above) > _MAX_DEPTH:
            return None
        for known in ("example", "default", "const"):
            if known in schema:
                return self._take(schema[known])
        for several in ("examples", "enum"):
            if isinstance(schema.get(several), list) and schema[several]:
                return self._take(schema[several][0])
        self._left -= 1
        return self._sample(schema, (*above, id(schema)))

    def _take(self, value: Any) -> Any:
        """Return a value that the document gives. Many schemas may refer to one that is large."""
        self._left -= _weight(value)
        return value

    def _sample(self, schema: dict[str, Any], above: tuple[int, ...]) -> Any:
        for group in ("oneOf", "anyOf"):
            if isinstance(schema.get(group), list) and schema[group]:
                return self.sample(schema[group][0], above)
        if isinstance(schema.get("allOf"), list):
            found = [self.sample(part, above) for part in schema["allOf"][:_MAX_VALUES]]
            return {key: value for part in found if isinstance(part, dict) for key, value in part.items()}
        if isinstance(schema.get("properties"), dict):
            properties = list(schema["properties"].items())[:_MAX_VALUES]
            return {name: self.sample(part, above) for name, part in properties}
        kind = _first_type(schema)
        if kind == "array":
            return [self.sample(schema["items"], above)] if isinstance(schema.get("items"), dict) else []
        if kind == "object":
            return {}
        return _FORMATS.get(str(schema.get("format")), _SAMPLES.get(kind))


def _weight(value: Any) -> int:
    """Return how many nodes of a page a value stands for."""
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_weight, value))
    return 1 + (len(value) // _MAX_TEXT if isinstance(value, str) else 0)


def _children(schema: dict[str, Any], needed: list[Any]) -> Iterator[tuple[str, Any, bool]]:
    if isinstance(schema.get("properties"), dict):
        for name, part in schema["properties"].items():
            yield name, part, name in needed
    if isinstance(schema.get("items"), dict):
        yield "each item", schema["items"], False
    if isinstance(schema.get("additionalProperties"), dict):
        yield "any other name", schema["additionalProperties"], False
    for group, words in _GROUPS.items():
        if isinstance(schema.get(group), list):
            for part in schema[group]:
                yield words, part, False


def _label(given: Any) -> str:
    reference = reference_of(given)
    return split_fragment(reference)[-1] if reference and "/" in reference else ""


def _first_type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return str(kind[0] if isinstance(kind, list) and kind else kind)
