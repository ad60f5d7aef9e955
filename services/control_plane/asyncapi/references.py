"""References within a document: `#/components/messages/Chat`. Those to elsewhere are refused, never fetched."""

from collections.abc import Iterator
from typing import Any, Final

from services.control_plane.asyncapi.pointers import name_field, split_fragment
from services.control_plane.asyncapi.reading import MAX_RESOLVED_VALUES, Document, count_values, refused
from services.control_plane.kit.documents import MAX_DEPTH
from services.control_plane.kit.problems import FieldError, InvalidError

REF: Final = "$ref"

_MAX_HOPS: Final = 32
_MAX_REFERENCE_CHARACTERS: Final = 1000
_MAX_RESOLVED_DEPTH: Final = 2 * MAX_DEPTH

# What is no part of AsyncAPI's own tree: schemas, which may refer to themselves, and data.
_FOREIGN: Final = frozenset({"payload", "headers", "schemas", "schema", "examples", "bindings"})

# Fields whose entries have names of the author's own, which mean nothing here.
_MAPS: Final = frozenset({
    "channels", "operations", "messages", "servers", "variables", "parameters", "securitySchemes", "serverVariables",
    "correlationIds", "operationTraits", "messageTraits", "replies", "replyAddresses", "externalDocs", "tags",
    "serverBindings", "channelBindings", "operationBindings", "messageBindings",
})  # fmt: skip

# Where AsyncAPI 3 asks for a reference, and for nothing else: lists, but for the channel.
_REFERENCE_ONLY: Final = frozenset({"messages", "servers"})


class DanglingError(Exception):
    """A reference that leads nowhere."""


class References:
    def __init__(self, document: Document) -> None:
        self._document = document

    def follow(self, value: Any) -> Any:
        """Return a value, or what a reference leads to in the end. Raises `DanglingError`."""
        return self._follow(value, iter(range(_MAX_HOPS)))

    def _follow(self, value: Any, hops: Iterator[int]) -> Any:
        while (reference := reference_of(value)) is not None:
            if next(hops, None) is None:
                raise DanglingError("leads in a circle, or through too many references")
            value = self._find(reference, hops)
        return value

    def _find(self, reference: str, hops: Iterator[int]) -> Any:
        if len(reference) > _MAX_REFERENCE_CHARACTERS:
            raise DanglingError("is too long")
        if reference != "#" and not reference.startswith("#/"):
            raise DanglingError("must be a reference within the document, such as #/components/messages/Chat")
        value: Any = self._document
        for part in split_fragment(reference):
            value = _step(self._follow(value, hops), part)
        return value


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdecimal() and len(part) <= len(str(len(value))) and int(part) < len(value):
        return value[int(part)]
    raise DanglingError("leads to nothing in the document")


def reference_of(value: Any) -> str | None:
    """Return what a reference refers to, or None where the value is none."""
    reference = value.get(REF) if isinstance(value, dict) else None
    return reference if isinstance(reference, str) else None


def check_references(document: Document, limit: int) -> list[FieldError]:
    """Return the references that lead nowhere, or out of the document."""
    references, errors = References(document), []
    for place, value in _walk(document):
        try:
            references.follow(value)
        except DanglingError as error:
            errors.append(FieldError(name_field((*place, REF)), str(error)))
            if len(errors) == limit:
                break
    return errors


def _walk(root: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each reference with its place."""
    left: list[tuple[tuple[Any, ...], Any]] = [((), root)]
    while left:
        place, value = left.pop()
        if reference_of(value) is not None:
            yield place, value
        if isinstance(value, dict):
            left.extend(((*place, key), item) for key, item in value.items())
        elif isinstance(value, list):
            left.extend(((*place, index), item) for index, item in enumerate(value))


def resolve(document: Document) -> Document:
    """Return a document with what its references lead to in their place, but for schemas. Raises `InvalidError`."""
    resolved: Document = _Resolver(document).resolve(document, 0)
    return resolved


class _Resolver:
    def __init__(self, document: Document) -> None:
        self._references = References(document)
        self._values = 0

    def resolve(self, value: Any, depth: int, *, is_map: bool = False) -> Any:
        self._add(1)
        if depth > _MAX_RESOLVED_DEPTH:
            raise too_large()
        value = self._references.follow(value)
        if isinstance(value, dict):
            resolve_entry = self._resolve_named if is_map else self._resolve_field
            return {key: resolve_entry(key, item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, depth + 1) for item in value]
        return value

    def _resolve_named(self, _: str, value: Any, depth: int) -> Any:
        return self.resolve(value, depth)

    def _resolve_field(self, key: str, value: Any, depth: int) -> Any:
        is_kept = key == "channel" or (key in _REFERENCE_ONLY and isinstance(value, list))
        if is_kept or key in _FOREIGN or key.startswith("x-"):
            self._add(count_values(value, MAX_RESOLVED_VALUES))
            return value
        return self.resolve(value, depth, is_map=key in _MAPS)

    def _add(self, count: int) -> None:
        self._values += count
        if self._values > MAX_RESOLVED_VALUES:
            raise too_large()


def too_large() -> InvalidError:
    return refused("grows too large where its references are resolved, or never ends")
