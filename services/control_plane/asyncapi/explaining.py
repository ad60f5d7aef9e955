"""Finds what a JSON Schema (draft 7) holds against a value, in bounded time and space.

Whether a value is valid the library says, fast and for all. But its errors repeat, for each form that a value might
have had, all that is wrong with that form: a hostile document makes gigabytes of them. So here one step at a time is
taken into the value, and the library is asked about that step alone.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from jsonschema_rs import Draft7Validator, RegexOptions, ValidationError

from services.control_plane.asyncapi.pointers import split_fragment

MAX_STEPS: Final = 50_000

_MAX_MESSAGE: Final = 300

# Keywords that lead further into a value or to other schemas: they are followed here.
_LEADING: Final = frozenset({
    "$ref", "properties", "patternProperties", "additionalProperties", "propertyNames", "items", "additionalItems",
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "definitions",
})  # fmt: skip

Place = tuple[object, ...]


class Found(NamedTuple):
    place: Place
    message: str
    is_form: bool = False
    """Whether it only says that this is something else: no reference, no list of several, or of another type."""


class GaveUpError(Exception):
    """There is too much to look through."""


class Walk:
    """One way through a value, with an end."""

    def __init__(self) -> None:
        self._left = MAX_STEPS
        self.met_ambiguity = False
        """Whether a reference could be a bare form of what it stands for as well: that is no fault of it."""

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise GaveUpError


def make_validator(schema: dict[str, Any]) -> Draft7Validator:
    return Draft7Validator(
        schema,
        validate_formats=True,
        offline=True,
        pattern_options=RegexOptions(),  # no pattern goes back and forth in a long text
        mask="the value",  # an error repeats nothing of what was given
    )


class Explainer:
    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._validators: dict[int, Draft7Validator] = {}  # by the identities of schemas within the one

    def explain(self, value: Any, walk: Walk) -> Iterator[Found]:
        """Yield what is wrong. Raises `GaveUpError`."""
        return self._explain(self._schema, value, (), walk)

    def _explain(self, schema: Any, value: Any, place: Place, walk: Walk) -> Iterator[Found]:
        walk.step()
        if isinstance(schema, bool):
            if not schema:
                yield Found(place, "is not allowed here")
            return
        if "$ref" in schema:  # what stands beside it counts for nothing
            yield from self._explain(self._at(schema["$ref"]), value, place, walk)
            return
        found = self._ask(schema, value, place)
        if found is not None:
            yield found
            return
        if isinstance(value, dict):
            yield from self._explain_object(schema, value, place, walk)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._explain(_schema_of_item(schema, index), item, (*place, index), walk)
        yield from self._explain_forms(schema, value, place, walk)

    def _ask(self, schema: dict[str, Any], value: Any, place: Place) -> Found | None:
        """Ask the library about one step: types, numbers, texts, and names of keys, but not what stands under them."""
        validator = self._validators.get(id(schema))
        if validator is None:
            validator = self._validators[id(schema)] = make_validator(_one_step(schema))
        if validator.is_valid(value):
            return None
        try:
            validator.validate(value)
        except ValidationError as error:
            return Found((*place, *error.instance_path), error.message[:_MAX_MESSAGE], _is_about_form(error))
        return None

    def _explain_object(
        self, schema: dict[str, Any], value: dict[str, Any], place: Place, walk: Walk
    ) -> Iterator[Found]:
        patterns = schema.get("patternProperties", {})
        for key, item in value.items():
            if "propertyNames" in schema:
                yield from self._explain(schema["propertyNames"], key, place, walk)
            schemas = [of for pattern, of in patterns.items() if self._matches(pattern, key)]
            if key in schema.get("properties", {}):
                schemas.append(schema["properties"][key])
            for of in schemas or [schema.get("additionalProperties", True)]:
                yield from self._explain(of, item, (*place, key), walk)

    def _explain_forms(self, schema: dict[str, Any], value: Any, place: Place, walk: Walk) -> Iterator[Found]:
        for of in schema.get("allOf", ()):
            yield from self._explain(of, value, place, walk)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                found = [next(self._explain(of, value, place, walk), None) for of in schema[keyword]]
                wrong = [item for item in found if item is not None]
                if len(wrong) == len(found):
                    yield max(wrong, key=lambda item: (len(item.place), not item.is_form))
                elif keyword == "oneOf" and len(found) - len(wrong) > 1:
                    if _is_reference(value):
                        walk.met_ambiguity = True
                    else:
                        yield Found(place, "could be of more than one form")
        if "not" in schema and next(self._explain(schema["not"], value, place, walk), None) is None:
            yield Found(place, "is what it must not be")
        if "if" in schema:
            is_so = next(self._explain(schema["if"], value, place, walk), None) is None
            yield from self._explain(schema.get("then" if is_so else "else", True), value, place, walk)

    def _matches(self, pattern: str, key: str) -> bool:
        validator = self._validators.get(id(pattern))
        if validator is None:
            validator = self._validators[id(pattern)] = make_validator({"pattern": pattern})
        return bool(validator.is_valid(key))

    def _at(self, reference: str) -> Any:
        schema: Any = self._schema
        for part in split_fragment(reference):
            schema = schema[part]
        return schema


def _one_step(schema: dict[str, Any]) -> dict[str, Any]:
    step = {key: item for key, item in schema.items() if key not in _LEADING}
    if schema.get("additionalProperties") is False:
        step["additionalProperties"] = False
        step["properties"] = dict.fromkeys(schema.get("properties", {}), True)
        step["patternProperties"] = dict.fromkeys(schema.get("patternProperties", {}), True)
    return step


def _schema_of_item(schema: dict[str, Any], index: int) -> Any:
    items = schema.get("items", True)
    if isinstance(items, list):
        return items[index] if index < len(items) else schema.get("additionalItems", True)
    return items


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "$ref" in value


def _is_about_form(error: ValidationError) -> bool:
    wanted = getattr(error.kind, "property", None) if error.kind.name == "required" else None
    return error.kind.name == "type" or wanted in ("$ref", "oneOf")
