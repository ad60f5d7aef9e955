"""The one file that knows aiohttp's inside: a connection is taken from aiohttp once its handshake is done.

aiohttp offers no public way to hand a connection over, so this leans on how 3.14 is built; another version is refused
at import, and `tests/integration/data_plane/test_transport.py` pins what is relied on.
"""

import asyncio
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy

# ruff: noqa: SLF001 - to know the private parts is what this file is for

if not aiohttp.__version__.startswith("3.14."):  # pragma: no cover - another version is not installed here
    raise RuntimeError(f"Framegate relies on aiohttp 3.14, and found {aiohttp.__version__}")

MAX_HEADER_BYTES = 8190
MAX_HEADERS = 128


class Detached(web.StreamResponse):
    """What a handler returns once its connection is no longer aiohttp's: nothing is written."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        pass


class ClientGoneError(ConnectionError):
    """The client hung up during its handshake."""


def detach(request: web.BaseRequest, protocol: asyncio.Protocol, answer: bytes) -> tuple[asyncio.Transport, bytes]:
    """Answer an upgrade, and hand its connection to `protocol`.

    Returns the transport and the bytes that came behind the handshake. The handler must return `Detached` at once.
    Raises `ClientGoneError`.
    """
    handler = request.protocol
    transport = handler.transport
    if transport is None or transport.is_closing():
        raise ClientGoneError
    early, handler._message_tail = handler._message_tail, b""
    transport.write(answer)
    transport.set_protocol(protocol)
    if handler._buffer_paused:
        transport.resume_reading()
    # aiohttp lets go of its timer, its parser and its entry in the server, and doesn't see the transport.
    handler.transport = None
    handler.connection_lost(None)
    return transport, early


def decline(request: web.BaseRequest) -> None:
    """Forget what came behind an upgrade that is refused: it must never be read as a request of its own."""
    request.protocol._message_tail = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a backend's response, and the bytes behind it."""

    status: int
    headers: CIMultiDictProxy[str]
    rest: bytes


class AnswerReader:
    """Reads the head of one HTTP response with aiohttp's own parser."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._parser = HttpResponseParser(
            BaseProtocol(loop),
            loop,
            2**16,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )

    def feed(self, data: bytes) -> Answer | None:
        """Return the answer once its head is whole. Raises `ValueError` where it isn't HTTP."""
        try:
            messages, _, tail = self._parser.feed_data(data)
        except HttpProcessingError as error:
            raise ValueError("not an HTTP response") from error
        if not messages:
            return None
        message = messages[0][0]
        return Answer(message.code, message.headers, tail)
