"""Stands in for a backend that is not there yet: answers from an API's examples, in memory."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, cast

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from services.data_plane.attached import Attached
from services.data_plane.inspection import ReadSchema, Rules, read_schema, rule
from services.data_plane.paths import find_path
from services.data_plane.refusal import come_back_later
from shared.definition import Mock, MockChannel, MockOperation

MAX_MESSAGE_BYTES: Final = 256 * 1024
HIGH_WATER_BYTES: Final = 64 * 1024
"""So much may wait for a client that doesn't read: what it says beyond that is not looked at yet, nor read."""

PIECE_BYTES: Final = 1024
"""So much of what was said is taken apart at a time: an empty frame of 6 bytes may have an answer of 16 KiB."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is said on a path: unasked, and in answer to messages that rules accept; no rules accept any."""

    greeting: str | None
    operations: tuple[tuple[Rules | None, tuple[str, ...]], ...]


class MockBook:
    """Reads mocks, once, and keeps them as long as their definitions."""

    def __init__(self) -> None:
        self._read: Attached[list[tuple[MockChannel, Script]]] = Attached()

    def find(self, mock: Mock, rest: str) -> Script:
        """Return what is said where this was asked for. Raises `RefusedError`."""
        try:
            scripts = self._read.of(mock, lambda: _read(mock))
        except (ValueError, IndexError) as error:
            raise come_back_later("not_ready", "The API's examples can't be read here.") from error
        path = find_path([_Path(item.path, script) for item, script in scripts if item.path is not None], rest)
        if path is not None:
            return path.script
        return next((script for item, script in scripts if item.path is None), Script(None, ()))


@dataclass(frozen=True, slots=True)
class _Path:
    path: str
    script: Script


def _read(mock: Mock) -> list[tuple[MockChannel, Script]]:
    schemas = [read_schema(schema) for schema in mock.schemas]
    return [
        (channel, Script(channel.greeting, tuple((_rules(schemas, item), item.answers) for item in channel.operations)))
        for channel in mock.channels
    ]


def _rules(schemas: Sequence[ReadSchema], operation: MockOperation) -> Rules | None:
    return rule("report", [schemas[number] for number in operation.schemas]) if operation.schemas else None


class _Conversation:
    """What a backend says to a client's bytes. Does no I/O."""

    def __init__(self, script: Script) -> None:
        self._operations = [(rules, cycle(answers)) for rules, answers in script.operations]
        self._protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=MAX_MESSAGE_BYTES)
        self._unread = bytearray()
        self._frames: deque[Frame] = deque()
        self._message = bytearray()
        self.ended = False

    @property
    def behind(self) -> bool:
        """Tell whether there is more to answer."""
        return not self.ended and bool(self._unread or self._frames)

    def hear(self, data: bytes) -> None:
        self._unread += data

    def answer(self, most: int) -> bytes:
        """Return what is said to what was heard, until it is so many bytes and one answer."""
        answers = bytearray()
        while self.behind and len(answers) < most:
            if self._frames:
                self._take(self._frames.popleft())
            else:
                self._protocol.receive_data(bytes(self._unread[:PIECE_BYTES]))
                del self._unread[:PIECE_BYTES]
                self._frames += cast("list[Frame]", self._protocol.events_received())
            said = self._protocol.data_to_send()
            self.ended = b"" in said  # what websockets says at the end
            answers += b"".join(said)
        return bytes(answers)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._message += frame.data
        if frame.fin:
            message = bytes(self._message)
            self._message.clear()
            if (answer := self._answer(message)) is not None and self._protocol.state is State.OPEN:
                self._protocol.send_text(answer.encode())

    def _answer(self, message: bytes) -> str | None:
        for rules, answers in self._operations:
            if rules is None or rules.accept(message):
                return next(answers)
        return None


class MockTransport(asyncio.Transport):
    """A connection to nobody: what a relay writes is answered into its protocol."""

    def __init__(self, loop: asyncio.AbstractEventLoop, script: Script) -> None:
        super().__init__()
        self._loop = loop
        self._conversation = _Conversation(script)
        self._protocol: asyncio.Protocol = asyncio.Protocol()
        self._waiting = bytearray()
        self._reading = self._closing = self._full = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the limit of its own."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or self._conversation.ended:
            return
        self._conversation.hear(bytes(data))
        self._answer()
        if len(self._waiting) >= HIGH_WATER_BYTES and not self._full:
            self._full = True
            self._loop.call_soon(self._protocol.pause_writing)
        self._loop.call_soon(self._deliver)

    def _answer(self) -> None:
        self._waiting += self._conversation.answer(HIGH_WATER_BYTES - len(self._waiting))

    def _deliver(self) -> None:
        if self._closing or not self._reading:
            return
        self._answer()
        if self._waiting:
            said = bytes(self._waiting)
            self._waiting.clear()
            self._protocol.data_received(said)
            if self._closing:
                return
        if self._conversation.behind:
            self._loop.call_soon(self._deliver)
        elif self._full:
            self._full = False
            self._loop.call_soon(self._protocol.resume_writing)  # behind a pause that was said before
        if self._conversation.ended:
            self.close()

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        self._loop.call_soon(self._deliver)

    def is_closing(self) -> bool:
        return self._closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose)

    def abort(self) -> None:
        self.close()

    def _lose(self) -> None:
        protocol, self._protocol = self._protocol, asyncio.Protocol()
        protocol.connection_lost(None)
