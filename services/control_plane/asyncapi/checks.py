"""What pods hold an API's messages against, out of its document of version 3. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from services.control_plane.asyncapi.message_schemas import SchemaWriter
from services.control_plane.asyncapi.reading import Document, refused
from services.control_plane.asyncapi.traffic import Message, Traffic
from services.control_plane.kit.problems import InvalidError
from shared.limits import Direction
from shared.paths import shape_of
from shared.validation import ChannelMessages, MessageSchema, OnInvalid, Validation

MAX_BYTES: Final = 128 * 1024
"""Of all schemas of an API: they travel with its definition."""

_OPPOSITE: Final[Mapping[Direction, Direction]] = {"publish": "subscribe", "subscribe": "publish"}

Passing = dict[str | None, dict[Direction, list[Message]]]


def find_checks(document: Document, asked: Mapping[Direction, OnInvalid]) -> Validation:
    """Return the checks that are asked for. Raises `InvalidError` that names what stands in their way."""
    if set(asked.values()) == {"off"}:
        return Validation()
    schemas = _Schemas(document)
    passing = _collect(document)
    everywhere = passing[None]
    for direction, action in asked.items():
        if action != "off" and not everywhere[direction]:
            raise InvalidError.of(f"validation.{direction}", _nothing(direction))
    channels = [
        ChannelMessages(
            path=path,
            publish=schemas.number(messages["publish"]) if asked["publish"] != "off" else (),
            subscribe=schemas.number(messages["subscribe"]) if asked["subscribe"] != "off" else (),
        )
        for path, messages in passing.items()
    ]
    return Validation(
        publish=asked["publish"], subscribe=asked["subscribe"], schemas=tuple(schemas.written), channels=tuple(channels)
    )


def _nothing(direction: Direction) -> str:
    action = "receives" if direction == "publish" else "sends"
    return f"needs an AsyncAPI document that says what the API {action}: give it one at /asyncapi first"


def _collect(document: Document) -> Passing:
    """Return all messages, and those of each path that a client can call; `None` has all of them."""
    passing: Passing = defaultdict(lambda: {"publish": [], "subscribe": []})
    everywhere = passing[None]
    paths: dict[tuple[str, ...], str] = {}  # by what they match: names of segments make no difference
    for operation in Traffic(document).operations():
        path = operation.path
        own = everywhere if path is None else passing[paths.setdefault(shape_of(path), path)]
        for direction, messages in (
            (operation.direction, operation.messages),
            (_OPPOSITE[operation.direction], operation.replies),
        ):
            own[direction] += messages
            if own is not everywhere:
                everywhere[direction] += messages
    return passing


class _Schemas:
    """Schemas by number, each once."""

    def __init__(self, document: Document) -> None:
        self._writer = SchemaWriter(document)
        self._numbers: dict[int, int] = {}  # by the identities of messages within the one document
        self.written: list[MessageSchema] = []
        self._size = 0

    def number(self, messages: Iterable[Message]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self._number(message) for message in messages))

    def _number(self, message: Message) -> int:
        key = id(message.content)
        if key not in self._numbers:
            schema = self._writer.write(message)
            self._size += len(schema.text)
            if self._size > MAX_BYTES:
                raise refused(f"has schemas of over {MAX_BYTES} bytes, which can't be checked")
            if schema in self.written:
                self._numbers[key] = self.written.index(schema)
            else:
                self._numbers[key] = len(self.written)
                self.written.append(schema)
        return self._numbers[key]
