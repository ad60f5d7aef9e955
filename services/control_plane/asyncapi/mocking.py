"""Examples of an API's document of version 3, by which a mock answers. Pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from services.control_plane.asyncapi.message_schemas import SchemaWriter
from services.control_plane.asyncapi.reading import Document, refused
from services.control_plane.asyncapi.references import References
from services.control_plane.asyncapi.traffic import Message, Operation, Traffic
from services.control_plane.kit.problems import InvalidError
from shared.definition import KeyType, Mock, MockChannel, MockOperation
from shared.paths import shape_of
from shared.validation import MessageSchema

MAX_EXAMPLES: Final = 20
"""Of an operation."""

MAX_EXAMPLE_BYTES: Final = 16 * 1024
MAX_BYTES: Final = 64 * 1024
"""Of all examples of an API: they travel with its definition."""

MAX_OPERATIONS: Final = 100
"""Of those that an API receives: a message is held against one after the other."""

MAX_WRITTEN_BYTES: Final = 512 * 1024
"""Of a mock as it is written: an example stands in it once for each operation and channel."""


def make_mock(document: Document, key_types: tuple[KeyType, ...]) -> Mock:
    """Return the mock of an API. Raises `InvalidError` where there are no examples to answer with."""
    writer = _Writer(document)
    operations = list(Traffic(document).operations())
    if sum(operation.direction == "publish" for operation in operations) > MAX_OPERATIONS:
        raise refused(f"has over {MAX_OPERATIONS} operations that the API receives, too many for a mock")
    paths = {shape_of(operation.path): operation.path for operation in operations if operation.path is not None}
    channels = [
        writer.channel(path, [item for item in operations if item.path is not None and shape_of(item.path) == shape])
        for shape, path in paths.items()
    ]
    channels.append(writer.channel(None, operations))
    if not any(channel.operations or channel.greeting is not None for channel in channels):
        environment = "production" if "PRODUCTION" in key_types else "sandbox"
        message = "needs an AsyncAPI document with examples of what the API sends: give it one at /asyncapi first"
        raise InvalidError.of(f"endpoints.{environment}.mock", message)
    mock = Mock(key_types=key_types, schemas=tuple(writer.schemas), channels=tuple(channels))
    if len(mock.model_dump_json()) > MAX_WRITTEN_BYTES:
        raise refused(f"has over {MAX_WRITTEN_BYTES} bytes of examples for all its operations, too many for a mock")
    return mock


class _Writer:
    def __init__(self, document: Document) -> None:
        self._schemas = SchemaWriter(document)
        self._follow = References(document).follow
        self._numbers: dict[int, int | None] = {}
        self._counted: set[str] = set()
        self._size = 0
        self.schemas: list[MessageSchema] = []

    def channel(self, path: str | None, operations: Sequence[Operation]) -> MockChannel:
        sent = [message for item in operations if item.direction == "subscribe" for message in item.messages]
        sends = self._examples(sent)
        received = [item for item in operations if item.direction == "publish"]
        answered = [(item, self._examples(item.replies) or sends) for item in received]
        return MockChannel(
            path=path,
            operations=tuple(
                MockOperation(schemas=self._numbers_of(item.messages), answers=answers)
                for item, answers in answered
                if answers
            ),
            greeting=sends[0] if sends and not received else None,
        )

    def _numbers_of(self, messages: Iterable[Message]) -> tuple[int, ...]:
        """Return the schemas of messages, or none where any message will do: one of them has no schema."""
        numbers = [self._number(message) for message in messages]
        known = [number for number in numbers if number is not None]
        return tuple(dict.fromkeys(known)) if len(known) == len(numbers) else ()

    def _number(self, message: Message) -> int | None:
        key = id(message.content)
        if key not in self._numbers:
            schema = self._write(message)
            if schema is not None:
                self._count(schema.text)
                self.schemas.append(schema)
            self._numbers[key] = None if schema is None else len(self.schemas) - 1
        return self._numbers[key]

    def _write(self, message: Message) -> MessageSchema | None:
        try:
            return self._schemas.write(message)
        except InvalidError:  # any message will do
            return None

    def _examples(self, messages: Iterable[Message]) -> tuple[str, ...]:
        found = dict.fromkeys(text for message in messages for text in self._texts(message))
        return tuple(found)[:MAX_EXAMPLES]

    def _texts(self, message: Message) -> Iterator[str]:
        for given in self._payloads(message):
            text = given if isinstance(given, str) and _is_text(message) else json.dumps(given, separators=(",", ":"))
            if len(text.encode()) <= MAX_EXAMPLE_BYTES:
                self._count(text)
                yield text

    def _payloads(self, message: Message) -> Iterator[Any]:
        """Yield the examples of a message, or else those of its schema."""
        examples = [self._follow(example) for example in message.content.get("examples", ())]
        payloads = [example["payload"] for example in examples if isinstance(example, dict) and "payload" in example]
        if payloads:
            yield from payloads
            return
        schema = self._follow(message.content.get("payload", {}))
        if isinstance(schema, dict) and "schema" in schema and "schemaFormat" in schema:
            schema = schema["schema"]
        if isinstance(schema, dict):
            yield from schema["examples"] if isinstance(schema.get("examples"), list) else ()

    def _count(self, text: str) -> None:
        if text not in self._counted:
            self._counted.add(text)
            self._size += len(text.encode())
            if self._size > MAX_BYTES:
                raise refused(f"has examples and schemas of over {MAX_BYTES} bytes, too many for a mock")


def _is_text(message: Message) -> bool:
    return str(message.content.get("contentType", "")).startswith("text/")
