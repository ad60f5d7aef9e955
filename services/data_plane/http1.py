"""HTTP/1.1 heads, read by aiohttp's parser (llhttp): the only file that knows how that is driven."""

import asyncio
from functools import lru_cache
from typing import Any, Final, NamedTuple

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, HttpResponseParser
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from multidict import CIMultiDictProxy

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 128
MAX_HEAD_BYTES: Final = 32 * 1024

_BODY_BYTES: Final = 2**16
_LIMITS: Final[dict[str, Any]] = {
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_LINE_BYTES,
    "max_headers": MAX_HEAD_BYTES,  # counted here, for the parser doesn't tell this from other faults
}


def tokens_of(headers: CIMultiDictProxy[str], name: str) -> frozenset[str]:
    """Return what a header lists (RFC 9110, section 5.6.1), in lower case."""
    return _split(",".join(headers.getall(name, ())))


@lru_cache(maxsize=100)
def _split(line: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in line.split(","))


class MalformedHeadError(ValueError):
    """What came is not the head of an HTTP/1.1 message."""


class HeadTooLargeError(MalformedHeadError):
    """A line, a header or all of them together are too large."""


class RequestHead(NamedTuple):
    """The head of a request. `target` is as it came; `rest` came behind it."""

    method: str
    target: str
    version: tuple[int, int]
    headers: CIMultiDictProxy[str]
    rest: bytes


class AnswerHead(NamedTuple):
    """The head of a response, and what came behind it."""

    status: int
    version: tuple[int, int]
    headers: CIMultiDictProxy[str]
    rest: bytes


class _HeadReader:
    """Feeds a parser until the first head is whole."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._size = 0

    def _read(self, data: bytes) -> tuple[Any, bytes] | None:
        self._size += len(data)
        try:
            messages, _, tail = self._parser.feed_data(data)
        except LineTooLong as error:
            raise HeadTooLargeError("a line is too long") from error
        except HttpProcessingError as error:
            raise MalformedHeadError("not HTTP") from error
        if self._size - len(tail) > MAX_HEAD_BYTES:
            raise HeadTooLargeError("the head is too large")
        if not messages:
            return None
        message = messages[0][0]
        if len(message.raw_headers) > MAX_HEADERS:
            raise HeadTooLargeError("too many headers")
        return message, tail


class RequestReader(_HeadReader):
    """Reads the head of one request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(HttpRequestParser(BaseProtocol(loop), loop, _BODY_BYTES, **_LIMITS))

    def feed(self, data: bytes) -> RequestHead | None:
        """Return the head once it is whole. Raises `MalformedHeadError`, `HeadTooLargeError`."""
        read = self._read(data)
        if read is None:
            return None
        message, rest = read
        return RequestHead(message.method, message.path, tuple(message.version), message.headers, rest)


class AnswerReader(_HeadReader):
    """Reads the head of one response."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(HttpResponseParser(BaseProtocol(loop), loop, _BODY_BYTES, **_LIMITS))

    def feed(self, data: bytes) -> AnswerHead | None:
        """Return the head once it is whole. Raises `MalformedHeadError`, `HeadTooLargeError`."""
        read = self._read(data)
        if read is None:
            return None
        message, rest = read
        return AnswerHead(message.code, tuple(message.version), message.headers, rest)
