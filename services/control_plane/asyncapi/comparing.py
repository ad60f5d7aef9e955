"""What changed between two documents of version 3, and what of it breaks clients. Pure.

What an API receives must still be accepted, what it sends must still be understood: the same change of a schema may
break in one direction only.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.control_plane.asyncapi.pointers import name_field, split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.asyncapi.schema_comparing import Direction, Finding, SchemaComparison
from services.control_plane.asyncapi.schemas import ChangeRead

_SCHEMAS: Final = ("payload", "headers")
_JSON_SCHEMA: Final = re.compile(r"application/(vnd\.aai\.asyncapi|schema\+(json|yaml))")


def compare(before: Document, after: Document) -> list[ChangeRead]:
    """Return the changes, each once. Raises `TooDifferentError`."""
    found = dict.fromkeys((kind, breaking, name_field(place)) for kind, breaking, place in _compare(before, after))
    return [ChangeRead(kind=kind, breaking=breaking, path=path) for kind, breaking, path in found]


@dataclass(frozen=True, slots=True)
class _Operation:
    name: str
    direction: Direction
    messages: Mapping[str, Document]


@dataclass(frozen=True, slots=True)
class _Channel:
    name: str
    messages: Mapping[str, Document]


class _View:
    """A document by what clients know it by: addresses, directions, names of messages."""

    def __init__(self, document: Document) -> None:
        self.references = References(document)
        follow = self.references.follow
        named = {name: follow(given) for name, given in document.get("channels", {}).items()}
        self.channels = {
            channel.get("address") or name: _Channel(name, channel.get("messages", {}))
            for name, channel in named.items()
        }
        self.operations: dict[tuple[str, str], _Operation] = {}
        for name, given in document.get("operations", {}).items():
            operation = follow(given)
            of = split_fragment(operation["channel"][REF])[-1]
            messages = named[of].get("messages", {})
            if "messages" in operation:
                kept = {split_fragment(message[REF])[-1] for message in operation["messages"]}
                messages = {key: message for key, message in messages.items() if key in kept}
            key = (named[of].get("address") or of, operation["action"])
            self.operations.setdefault(key, _Operation(name, operation["action"], messages))


def _compare(before: Document, after: Document) -> Iterator[Finding]:
    old, new = _View(before), _View(after)
    for address, channel in old.channels.items():
        if address not in new.channels:
            yield "channel_removed", True, ("channels", channel.name)
    for address, channel in new.channels.items():
        if address not in old.channels:
            yield "channel_added", False, ("channels", channel.name)
    for key, operation in old.operations.items():
        if key not in new.operations:
            yield "operation_removed", True, ("operations", operation.name)
    schemas = SchemaComparison(old.references, new.references)
    for key, operation in new.operations.items():
        if key not in old.operations:
            yield "operation_added", False, ("operations", operation.name)
        else:
            names = (old.channels[key[0]].name, new.channels[key[0]].name)
            yield from _compare_messages(old.operations[key], operation, names, schemas)


def _compare_messages(
    before: _Operation, after: _Operation, channels: tuple[str, str], schemas: SchemaComparison
) -> Iterator[Finding]:
    for name in before.messages:
        if name not in after.messages:
            yield "message_removed", True, ("channels", channels[0], "messages", name)
    for name, given in after.messages.items():
        place = ("channels", channels[1], "messages", name)
        if name not in before.messages:
            # A client that is sent what it does not know may fail; what it may send besides breaks nothing.
            yield "message_added", False, place
            continue
        old, new = schemas.old.follow(before.messages[name]), schemas.new.follow(given)
        for part in _SCHEMAS:
            yield from schemas.compare(_schema(old, part), _schema(new, part), after.direction, (*place, part))


def _schema(message: Document, part: str) -> Any:
    """Return a message's schema, out of what names its format where that is JSON Schema."""
    schema = message.get(part, {})
    is_named = isinstance(schema, dict) and isinstance(schema.get("schemaFormat"), str) and "schema" in schema
    return schema["schema"] if is_named and _JSON_SCHEMA.match(schema["schemaFormat"]) else schema
