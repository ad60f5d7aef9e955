"""An AsyncAPI document of version 3 as a page tells it: channels, who sends what there, and in which form. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from services.control_plane.asyncapi.pointers import split_fragment
from services.control_plane.asyncapi.reading import Document
from services.control_plane.asyncapi.references import REF, References
from services.control_plane.portal.schema_view import Node, SchemaView

MAX_CHANNELS: Final = 50

_MAX_MESSAGES: Final = 30  # of one channel
_MAX_EXAMPLES: Final = 3
_MAX_EXAMPLE: Final = 2000
_MAX_TEXT: Final = 1000
_MAX_TEMPLATE: Final = 4000
_MAX_TEMPLATES: Final = 20_000  # characters of all together
_JSON_SCHEMA: Final = re.compile(r"application/(vnd\.aai\.asyncapi|schema\+(json|yaml))")


class Operation(NamedTuple):
    """`sends` says that clients do: what the API receives."""

    name: str
    sends: bool
    summary: str
    description: str
    messages: list[str]


class Example(NamedTuple):
    name: str
    text: str


class Message(NamedTuple):
    name: str
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
    name: str
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
    channels = [reader.channel(name, given) for name, given in islice(named.items(), MAX_CHANNELS)]
    cut = reader.is_cut or len(named) > MAX_CHANNELS
    return View(_text(info.get("title")), _text(info.get("version")), _text(info.get("description")), channels, cut)


def templates(document: Document) -> list[Example]:
    """Return what a client may send, to begin with: the examples, or a sample of each schema."""
    reader = _Reader(document)
    found: dict[Example, None] = {}
    left = _MAX_TEMPLATES
    for operation in document.get("operations", {}).values():
        for example in reader.templates(operation):
            if example not in found and len(example.text) <= min(left, _MAX_TEMPLATE):
                found[example] = None
                left -= len(example.text)
    return list(found)[:_MAX_MESSAGES]


class _Reader:
    def __init__(self, document: Document) -> None:
        self._references = References(document)
        self._follow = self._references.follow
        self._schemas = SchemaView(self._references)
        self._channels: Mapping[str, Any] = document.get("channels", {})
        self._operations = [(name, self._follow(each)) for name, each in document.get("operations", {}).items()]
        self._many = False

    @property
    def is_cut(self) -> bool:
        return self._many or self._schemas.is_cut

    def channel(self, name: str, given: Any) -> Channel:
        channel = self._follow(given)
        messages = channel.get("messages", {})
        self._many |= len(messages) > _MAX_MESSAGES
        return Channel(
            name,
            _text(channel.get("address") or name),
            _text(channel.get("title") or channel.get("summary")),
            _text(channel.get("description")),
            [
                Example(key, _text(self._follow(parameter).get("description")))
                for key, parameter in channel.get("parameters", {}).items()
            ],
            [self._operation(key, each, messages) for key, each in self._operations if _channel_of(each) == name],
            [self._message(key, message) for key, message in islice(messages.items(), _MAX_MESSAGES)],
        )

    def templates(self, given: Any) -> Iterator[Example]:
        operation = self._follow(given)
        if operation.get("action") != "receive":
            return
        messages = self._follow(self._channels.get(_channel_of(operation), {})).get("messages", {})
        for name in islice(_names_of(operation, messages), _MAX_MESSAGES):
            message = self._whole(messages[name])
            examples = list(_examples_of(message))
            schema, form = _schema(message.get("payload"))
            if not examples and form is None and schema is not None:
                examples = [Example("", _as_text(self._schemas.sample(schema)))]
            title = _text(message.get("title") or name)
            yield from (Example(f"{title}: {each.name}" if each.name else title, each.text) for each in examples)

    def _operation(self, name: str, operation: Document, messages: Document) -> Operation:
        return Operation(
            name,
            operation.get("action") == "receive",
            _text(operation.get("summary") or operation.get("title")),
            _text(operation.get("description")),
            _names_of(operation, messages),
        )

    def _message(self, name: str, given: Any) -> Message:
        message = self._whole(given)
        (payload, form), (headers, _) = _schema(message.get("payload")), _schema(message.get("headers"))
        return Message(
            name,
            _text(message.get("title") or message.get("name") or name),
            _text(message.get("summary")),
            _text(message.get("description")),
            _text(message.get("contentType")),
            self._schemas.read(payload) if payload is not None and form is None else None,
            self._schemas.read(headers) if headers is not None else None,
            Example(form, _as_text(payload)[:_MAX_EXAMPLE]) if form else None,
            [Example(each.name, each.text[:_MAX_EXAMPLE]) for each in islice(_examples_of(message), _MAX_EXAMPLES)],
        )

    def _whole(self, given: Any) -> Document:
        """Return a message with what its traits add to it."""
        message: Document = self._follow(given)
        traits = [self._follow(trait) for trait in message.get("traits", ())]
        return {key: value for part in (*traits, message) for key, value in part.items()}


def _names_of(operation: Document, messages: Document) -> list[str]:
    if "messages" not in operation:
        return list(messages)
    kept = [split_fragment(message[REF])[-1] for message in operation["messages"]]
    return [name for name in kept if name in messages]


def _channel_of(operation: Document) -> str:
    return split_fragment(operation["channel"][REF])[-1]


def _schema(given: Any) -> tuple[Any, str | None]:
    """Return a schema, and the name of its form where that is not JSON Schema."""
    if isinstance(given, dict) and isinstance(given.get("schemaFormat"), str) and "schema" in given:
        form = given["schemaFormat"]
        return given["schema"], None if _JSON_SCHEMA.match(form) else form
    return given, None


def _examples_of(message: Document) -> Iterator[Example]:
    for given in message.get("examples", ()):
        if isinstance(given, dict) and "payload" in given:
            yield Example(_text(given.get("name") or given.get("summary")), _as_text(given["payload"]))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"{text[:_MAX_TEXT]} …" if len(text) > _MAX_TEXT else text
