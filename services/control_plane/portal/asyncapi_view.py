"""An AsyncAPI document of version 3 as a page tells it: channels, who sends what there, and in which form. Pure."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from services.control_plane.asyncapi.pointers import split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.portal.page_room import PageRoom
from services.control_plane.portal.schema_view import Node, SchemaView

MAX_CHANNELS: Final = 50

_MAX_MESSAGES: Final = 30
_MAX_OPERATIONS: Final = 30
_MAX_PARAMETERS: Final = 30
"""Of one channel."""

_MAX_SENT: Final = 100
_MAX_NAME: Final = 100
_MAX_EXAMPLES: Final = 3
_MAX_EXAMPLE: Final = 2000
_MAX_TEXT: Final = 1000
_MAX_TEMPLATE: Final = 4000
_MAX_TEMPLATES: Final = 20_000  # characters of all together
_JSON_SCHEMA: Final = re.compile(r"application/(vnd\.aai\.asyncapi|schema\+(json|yaml))")


class Link(NamedTuple):
    """Where on the page a message stands."""

    id: str
    title: str


class Operation(NamedTuple):
    """`sends` says that clients do: what the API receives."""

    name: str
    sends: bool
    summary: str
    description: str
    messages: list[Link]


class Example(NamedTuple):
    name: str
    text: str


class Message(NamedTuple):
    id: str
    title: str
    summary: str
    description: str
    content_type: str
    payload: Node | None
    headers: Node | None
    foreign: Example | None
    """A schema that is not JSON Schema, as it is, under the name of its format."""
    examples: list[Example]


class Channel(NamedTuple):
    address: str
    title: str
    description: str
    parameters: list[Example]
    operations: list[Operation]
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class View:
    title: str
    version: str
    description: str
    channels: list[Channel]
    is_cut: bool


def view(document: Document) -> View:
    """Return what a page shows of a document that was checked."""
    info, reader = document.get("info", {}), _Reader(document)
    named = document.get("channels", {})
    title, version, description = (reader.text(info.get(name)) for name in ("title", "version", "description"))
    channels = [
        reader.channel(number, name, given)
        for number, (name, given) in enumerate(reader.some(named.items(), MAX_CHANNELS), 1)
    ]
    return View(title, version, description, channels, reader.is_cut)


def templates(document: Document) -> list[Example]:
    """Return what a client may send, to begin with: the examples, or a sample of each schema."""
    reader = _Reader(document)
    found: dict[Example, None] = {}
    left = _MAX_TEMPLATES
    for example in reader.templates():
        if example not in found and len(example.text) <= min(left, _MAX_TEMPLATE):
            found[example] = None
            left -= len(example.text)
    return list(found)[:_MAX_MESSAGES]


class _Reader:
    def __init__(self, document: Document) -> None:
        self._room = PageRoom()
        self._references = References(document)
        self._follow = self._references.follow
        self._schemas = SchemaView(self._references, self._room)
        self._channels: Mapping[str, Any] = document.get("channels", {})
        self._operations: dict[str, list[tuple[str, Document]]] = defaultdict(list)
        for name, given in document.get("operations", {}).items():
            operation = self._follow(given)
            self._operations[_channel_of(operation)].append((name, operation))
        self._many = False

    @property
    def is_cut(self) -> bool:
        return self._many or self._schemas.is_cut

    def text(self, value: Any, most: int = _MAX_TEXT) -> str:
        return self._room.text(value, most)

    def some(self, given: Collection[Any], most: int) -> Iterator[Any]:
        """Yield as many as there is room for, and note whether that leaves any out."""
        self._many |= len(given) > most
        for each in islice(given, most):
            if not self._room.take():
                return
            yield each

    def channel(self, number: int, name: str, given: Any) -> Channel:
        channel = self._follow(given)
        address = self.text(channel.get("address") or name)
        title = self.text(channel.get("title") or channel.get("summary"))
        description = self.text(channel.get("description"))
        parameters = [
            Example(self.text(key, _MAX_NAME), self.text(self._follow(parameter).get("description")))
            for key, parameter in self.some(channel.get("parameters", {}).items(), _MAX_PARAMETERS)
        ]
        given = channel.get("messages", {})
        messages = {
            key: self._message(f"message-{number}-{index}", key, message)
            for index, (key, message) in enumerate(self.some(given.items(), _MAX_MESSAGES), 1)
        }
        operations = [
            self._operation(key, each, given, messages)
            for key, each in self.some(self._operations[name], _MAX_OPERATIONS)
        ]
        return Channel(address, title, description, parameters, operations, list(messages.values()))

    def templates(self) -> Iterator[Example]:
        for name, given in islice(self._sent(), _MAX_SENT):
            message = self._whole(given)
            examples = list(islice(self._examples_of(message), _MAX_MESSAGES))
            schema, form = _schema(message.get("payload"))
            if not examples and form is None and schema is not None:
                examples = [Example("", json.dumps(self._schemas.sample(schema), indent=2, ensure_ascii=False))]
            title = _cut(message.get("title") or name)
            yield from (Example(f"{title}: {each.name}" if each.name else title, each.text) for each in examples)

    def _sent(self) -> Iterator[tuple[str, Any]]:
        """Yield each message that clients send, once a channel."""
        for channel, operations in self._operations.items():
            messages = self._follow(self._channels.get(channel, {})).get("messages", {})
            names = [_names_of(each, messages) for _, each in operations if each.get("action") == "receive"]
            yield from ((name, messages[name]) for name in dict.fromkeys(chain.from_iterable(names)))

    def _operation(self, name: str, operation: Document, given: Document, messages: Mapping[str, Message]) -> Operation:
        names = [each for each in _names_of(operation, given) if each in messages]
        return Operation(
            self.text(name, _MAX_NAME),
            operation.get("action") == "receive",
            self.text(operation.get("summary") or operation.get("title")),
            self.text(operation.get("description")),
            [
                Link(messages[each].id, self.text(messages[each].title, _MAX_NAME))
                for each in self.some(names, _MAX_MESSAGES)
            ],
        )

    def _message(self, id_: str, name: str, given: Any) -> Message:
        message = self._whole(given)
        (payload, form), (headers, _) = _schema(message.get("payload")), _schema(message.get("headers"))
        return Message(
            id_,
            self.text(message.get("title") or message.get("name") or name),
            self.text(message.get("summary")),
            self.text(message.get("description")),
            self.text(message.get("contentType")),
            self._schemas.read(payload) if payload is not None and form is None else None,
            self._schemas.read(headers) if headers is not None else None,
            Example(self.text(form, _MAX_NAME), self.text(self._room.whole(payload), _MAX_EXAMPLE)) if form else None,
            [
                Example(self.text(each.name), self.text(each.text, _MAX_EXAMPLE))
                for each in islice(self._examples_of(message), _MAX_EXAMPLES)
            ],
        )

    def _examples_of(self, message: Document) -> Iterator[Example]:
        for given in message.get("examples", ()):
            if isinstance(given, dict) and "payload" in given:
                yield Example(_cut(given.get("name") or given.get("summary")), self._room.whole(given["payload"]))

    def _whole(self, given: Any) -> Document:
        """Return a message with what its traits add to it."""
        message: Document = self._follow(given)
        traits = [self._follow(trait) for trait in message.get("traits", ())]
        return {key: value for part in (*traits, message) for key, value in part.items()}


def _names_of(operation: Document, messages: Document) -> list[str]:
    if "messages" not in operation:
        return list(messages)
    kept = [split_fragment(message[REF])[-1] for message in operation["messages"]]
    return [name for name in dict.fromkeys(kept) if name in messages]


def _channel_of(operation: Document) -> str:
    return split_fragment(operation["channel"][REF])[-1]


def _schema(given: Any) -> tuple[Any, str | None]:
    """Return a schema, and the name of its form where that is not JSON Schema."""
    if isinstance(given, dict) and isinstance(given.get("schemaFormat"), str) and "schema" in given:
        form = given["schemaFormat"]
        return given["schema"], None if _JSON_SCHEMA.match(form) else form
    return given, None


def _cut(value: Any) -> str:
    return str(value or "")[:_MAX_TEXT]
