"""Both ends of a gateway by hand, byte for byte: for what no client or server library would send."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from websockets.utils import accept_key

WITHIN = 5.0

Headers = tuple[tuple[str, str], ...]


def request(
    target: str = "/echo/1.0", *headers: tuple[str, str], method: str = "GET", without: tuple[str, ...] = ()
) -> bytes:
    """Return an upgrade with further headers, or other ones in place of its own, or `without` some."""
    own: Headers = (
        ("Host", "gateway.test"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    )
    replaced = {name.lower() for name, _ in headers} | {name.lower() for name in without}
    kept = tuple(header for header in own if header[0].lower() not in replaced)
    lines = (f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (*kept, *headers)))
    return "\r\n".join((*lines, "", "")).encode("latin-1")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, and what came behind its head."""

    status: int
    headers: Headers
    rest: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Answer":
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        return cls(int(first.split()[1]), headers, rest)

    def get(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Wire:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> Answer:
        """Read the head of an answer, and no more."""
        return Answer.parse(await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WITHIN))

    async def rest(self) -> bytes:
        """Read to the end of the connection."""
        data = bytearray()
        with suppress(ConnectionError):
            while more := await asyncio.wait_for(self.reader.read(65_536), WITHIN):
                data += more
        return bytes(data)


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Connect to a port of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def exchange(port: int, data: bytes) -> Answer:
    """Send bytes; return the answer, read to the end of the connection."""
    async with wire(port) as connection:
        connection.send(data)
        return Answer.parse(await connection.rest())


async def status_of(port: int, data: bytes) -> int:
    """Send bytes; return the status of the answer, and leave."""
    async with wire(port) as connection:
        connection.send(data)
        return (await connection.head()).status


@dataclass
class WireBackend:
    """A backend that answers each connection's head with the same bytes, and keeps all that it heard."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    behind: list[bytearray] = field(default_factory=list)
    ended: int = 0

    @property
    def headers(self) -> Headers:
        """The headers of the first request, names in lower case."""
        return Answer.parse(b"HTTP/1.1 0 request\r\n" + self.heads[0].partition(b"\r\n")[2]).headers

    @property
    def request_line(self) -> str:
        return self.heads[0].partition(b"\r\n")[0].decode("latin-1")

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]


Reply = Callable[[bytes], bytes]


@asynccontextmanager
async def wire_backend(reply: Reply) -> AsyncIterator[WireBackend]:
    """Serve on a free port until the context is left. A reply of nothing is silence."""
    backend = WireBackend()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = bytearray()
        backend.behind.append(behind)
        writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            backend.heads.append(head)
            writer.write(reply(head))
            while more := await reader.read(65_536):
                behind += more
        backend.ended += 1
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        backend.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield backend
        finally:
            for writer in writers:
                writer.transport.abort()


def accepting(*headers: str, accept: str | None = None, connection: str = "Upgrade", behind: bytes = b"") -> Reply:
    """Return a reply that says 101, with further header lines, and with bytes behind it."""

    def reply(head: bytes) -> bytes:
        lines = head.decode("latin-1").split("\r\n")
        key = next(line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-key:"))
        own = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            f"Connection: {connection}",
            f"Sec-WebSocket-Accept: {accept_key(key) if accept is None else accept}",
        ]
        return "\r\n".join([*own, *headers, "", ""]).encode("latin-1") + behind

    return reply


def always(*lines: str, body: bytes = b"") -> Reply:
    """Return a reply of these header lines and a body, whatever was asked."""
    return lambda _: "\r\n".join([*lines, "", ""]).encode("latin-1") + body
