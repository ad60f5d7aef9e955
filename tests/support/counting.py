"""A backend that counts, and clients that send as fast as they may: for limits that are exact."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.frames import client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import Wire, accepting, request, wire

PAUSE_SECONDS = 0.01
BURST = 5

_HEADER_BYTES = 6  # of a masked frame whose payload is short
_CLOSE = 8


@dataclass
class CountingBackend:
    """Takes text messages shorter than 126 bytes, and says when each came."""

    url: str = ""
    arrivals: list[float] = field(default_factory=list)
    payload_bytes: int = 0
    open: int = 0

    @property
    def count(self) -> int:
        return len(self.arrivals)

    async def has(self, count: int) -> None:
        """Wait until so many messages have come."""
        await eventually(lambda: len(self.arrivals) >= count, within=30)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(accepting()(await reader.readuntil(b"\r\n\r\n")))
            while True:
                header = await reader.readexactly(_HEADER_BYTES)
                payload = await reader.readexactly(header[1] & 0x7F)
                if header[0] & 0x0F == _CLOSE:
                    writer.write(frame(_CLOSE, close_payload(1000)))
                    break
                self.arrivals.append(time.monotonic())
                self.payload_bytes += len(payload)
        writer.close()
        self.open -= 1


@asynccontextmanager
async def counting_backend() -> AsyncIterator[CountingBackend]:
    """Serve on a free port. At the end all connections have ended in good order."""
    backend = CountingBackend()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0)
    async with server:
        backend.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield backend
        await eventually(lambda: not backend.open, within=10)


class Sender:
    """One connection that sends messages of one size, a few at a time."""

    def __init__(self, port: int, authorization: tuple[str, str], size: int) -> None:
        self._port = port
        self._authorization = authorization
        self._burst = client_frame(1, bytes(size)) * BURST
        self.sent = 0

    async def send(self, enough: asyncio.Event, at_least: int) -> None:
        """Send until there is enough, and so many at least; close in good order. A pod that dies ends it, too."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with wire(self._port) as client:
                client.send(request("/echo/1.0", self._authorization))
                assert (await client.head()).status == 101
                while self.sent < at_least or not enough.is_set():
                    await self._send_some(client)
                client.send(client_frame(_CLOSE, close_payload(1000)))
                async with asyncio.timeout(60):
                    while await client.reader.read(65_536):
                        pass

    async def _send_some(self, client: Wire) -> None:
        if client.writer.is_closing():
            raise ConnectionResetError
        client.send(self._burst)
        self.sent += BURST
        async with asyncio.timeout(60):
            await client.writer.drain()
        await asyncio.sleep(PAUSE_SECONDS)
