"""A load of all kinds on some pods, of which both ends count everything themselves."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.support.frames import client_frame, close_payload, frame
from tests.support.wire import Answer, Wire, accepting, request, wire

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
DEFLATED: Final = 4
WITHIN = 20.0

_DEFLATE: Final = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class Caller(NamedTuple):
    application: str
    key_type: str


class Frame(NamedTuple):
    opcode: int
    fin: bool
    rsv: int
    payload: bytes


@dataclass
class Books:
    """What one end counted, by application and type of key."""

    flow: defaultdict[Caller, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    closed: defaultdict[Caller, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By application, or nothing, and cause."""


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = await reader.readexactly(size)
    plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload[:4])) + payload[4:]
    return Frame(first & 0x0F, bool(first & 0x80), first >> 4 & 7, plain)  # of a payload its beginning alone is read


class Echo:
    """A backend that answers each message with one twice as long, and does what the first byte of a text says."""

    def __init__(self, books: Books, key_type: str) -> None:
        self._books = books
        self._key_type = key_type
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(Answer.parse(b"HTTP/1.1 0 request\r\n" + head.partition(b"\r\n")[2]).headers)
            offered = "permessage-deflate" in headers.get("sec-websocket-extensions", "")
            writer.write(accepting(*([f"Sec-WebSocket-Extensions: {_DEFLATE}"] if offered else []))(head))
            counts = self._books.flow[Caller(headers["x-consumer-application"], self._key_type)]
            counts["opened"] += 1
            while await self._answer(reader, writer, counts):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: Counter[str]) -> bool:
        """Take a message and answer it; tell whether another may come."""
        got, first = 0, b""
        while True:
            came = await read_frame(reader)
            if came.opcode == CLOSE:
                writer.write(frame(CLOSE, came.payload[:2]))
                return False
            if came.opcode < CLOSE:
                got, first = got + len(came.payload), first or came.payload[:1]
                if came.fin:
                    break
        counts["messages_published"] += 1
        counts["bytes_published"] += got
        if first == b"!":
            writer.transport.abort()
            return False
        if first == b"C":
            writer.write(frame(CLOSE, close_payload(int(came.payload[1:4]) * 10 + 1)))
            await reader.read()
            return False
        counts["messages_delivered"] += 1
        counts["bytes_delivered"] += 2 * got
        writer.write(frame(BINARY, bytes(2 * got)))
        await writer.drain()
        return True


class Client:
    """A connection, as its own end counts it."""

    def __init__(self, connection: Wire, counts: Counter[str], closed: Counter[str]) -> None:
        self._wire = connection
        self._counts = counts
        self._closed = closed
        self.id = ""

    async def say(self, *parts: bytes, opcode: int = TEXT, rsv: int = 0, answers: int = 1) -> None:
        """Send a message in so many frames, pings in between, and wait for its answer."""
        self.send(*parts, opcode=opcode, rsv=rsv)
        for _ in range(answers):
            await self.hear()

    def send(self, *parts: bytes, opcode: int = TEXT, rsv: int = 0) -> None:
        last = len(parts) - 1
        frames = [
            client_frame(0 if index else opcode, part, fin=index == last, rsv=0 if index else rsv)
            for index, part in enumerate(parts)
        ]
        self._wire.send(client_frame(PING, b"between").join(frames) if last else frames[0])
        self._counts["messages_published"] += 1
        self._counts["bytes_published"] += sum(map(len, parts))

    async def hear(self) -> Frame:
        """Return the next message, or Close."""
        async with asyncio.timeout(WITHIN):
            while True:
                came = await read_frame(self._wire.reader)
                if came.opcode == TEXT and came.payload.startswith(b"{"):
                    self._counts["notices"] += 1  # the gateway's own
                elif came.opcode in (TEXT, BINARY, CLOSE):
                    break
        if came.opcode != CLOSE:
            self._counts["messages_delivered"] += 1
            self._counts["bytes_delivered"] += len(came.payload)
        return came

    async def close(self, code: int, as_class: str = "") -> None:
        self._wire.send(client_frame(CLOSE, close_payload(code)))
        await self.end(f"client_closed:{as_class or code}")

    async def end(self, cause: str) -> None:
        """Read what is left, answer Close, and note why it ended."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                came = await self.hear()
                if came.opcode == CLOSE:
                    self._wire.send(client_frame(CLOSE, came.payload[:2]))
                    await self._wire.reader.read()
                    break
        self._closed[cause] += 1

    def break_off(self, data: bytes = b"") -> None:
        """Send rubbish, or go without a word."""
        if data:
            self._wire.send(data)
        else:
            self._wire.writer.transport.abort()
            self._closed["client_lost:1006"] += 1


@dataclass
class Load:
    """Clients of one API."""

    path: str
    tokens: Mapping[Caller, str]
    ports: Sequence[int]
    books: Books = field(default_factory=Books)
    shortest: float = 0.0
    longest: float = 0.0
    """How long connections were open, summed up: at least, and at most."""

    @asynccontextmanager
    async def client(self, caller: Caller, pod: int, *, deflate: bool = False) -> AsyncIterator[Client]:
        headers = [("Authorization", f"Bearer {self.tokens[caller]}")]
        headers += [("Sec-WebSocket-Extensions", _DEFLATE)] if deflate else []
        began = time.monotonic()
        async with wire(self.ports[pod]) as connection:
            connection.send(request(self.path, *headers))
            head = await connection.head()
            assert head.status == 101, head
            opened = time.monotonic()
            self.books.flow[caller]["opened"] += 1
            client = Client(connection, self.books.flow[caller], self.books.closed[caller])
            client.id = str(head.get("x-connection-id"))
            yield client
            self.shortest += time.monotonic() - opened
        self.longest += time.monotonic() - began

    async def refused(self, pod: int, application: str, cause: str, path: str = "", token: str | None = None) -> None:
        headers = [("Authorization", f"Bearer {token}")] if token else []
        async with wire(self.ports[pod]) as connection:
            connection.send(request(path or self.path, *headers))
            head = await connection.head()
            body = await connection.rest()
        assert f"/problems/{cause}".encode() in body, (head, body)
        self.books.refused[application, cause] += 1
