"""The opening handshake with a backend: what it is asked, and whether its answer is a good one."""

import asyncio
from typing import Final, NamedTuple, cast
from urllib.parse import SplitResult

from aiohttp import hdrs
from websockets.utils import accept_key

from services.data_plane.connection import Handshake, Headers
from services.data_plane.deflate import Agreement, read_answer
from services.data_plane.http1 import AnswerHead, AnswerReader, tokens_of
from services.data_plane.refusal import BackendFailedError, RefusedError
from shared.definition import ApiDefinition
from shared.headers import plain

_OUT_OF_ORDER: Final = (502, 503, 504)


class AnswerProtocol(asyncio.Protocol):
    """Waits for the head of the backend's answer, then stops reading."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.answer: asyncio.Future[AnswerHead] = loop.create_future()
        self.began = False
        self._reader = AnswerReader(loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        self.began = True
        if self.answer.done():
            return
        try:
            answer = self._reader.feed(data)
        except ValueError as error:
            self.answer.set_exception(error)
            return
        if answer is not None:
            self.transport.pause_reading()
            self.answer.set_result(answer)

    def give_up(self) -> None:
        """Have the answer come too late."""
        if not self.answer.done():
            self.answer.set_exception(TimeoutError())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("closed before its answer"))


class Upgrade(NamedTuple):
    """What a backend is offered, and so what it may choose from."""

    key: str
    subprotocols: tuple[str, ...]
    extensions: str

    def ask(self, target: str, headers: Headers) -> bytes:
        """Return the request (RFC 6455, section 4.1)."""
        lines = [
            f"GET {target} HTTP/1.1",
            *[f"{name}: {value}" for name, value in headers],
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self.key}",
        ]
        if self.subprotocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(self.subprotocols)}")
        if self.extensions:
            lines.append(f"Sec-WebSocket-Extensions: {self.extensions}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")  # as aiohttp decoded it: the same bytes

    def verify(self, answer: AnswerHead) -> tuple[str | None, Agreement]:
        """Return the subprotocol and the extension that an answer chose (RFC 6455, section 4.1, items 1 to 6)."""
        headers = answer.headers
        if answer.status in _OUT_OF_ORDER:
            raise BackendFailedError("upstream_refused", f"The backend answered {answer.status}.", elsewhere=True)
        if answer.status != 101:  # noqa: PLR2004
            raise RefusedError("upstream_refused", f"The backend answered {answer.status}.")
        if answer.version < (1, 1):  # HTTP/1.0 knows no Upgrade (RFC 9110, section 7.8)
            raise RefusedError("upstream_refused", "The backend's answer is not HTTP/1.1.")
        if "websocket" not in tokens_of(headers, hdrs.UPGRADE) or "upgrade" not in tokens_of(headers, hdrs.CONNECTION):
            raise RefusedError("upstream_refused", "The backend's answer is not an upgrade to WebSocket.")
        if headers.getall(hdrs.SEC_WEBSOCKET_ACCEPT, ()) != [accept_key(self.key)]:
            raise RefusedError("upstream_refused", "The backend's Sec-WebSocket-Accept is wrong.")
        chosen = headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ())
        if len(chosen) > 1 or not set(chosen) <= set(self.subprotocols):
            raise RefusedError("upstream_refused", "The backend chose a subprotocol that was not offered.")
        agreement = read_answer(", ".join(headers.getall(hdrs.SEC_WEBSOCKET_EXTENSIONS, ())), self.extensions)
        if agreement is None:
            raise RefusedError("upstream_refused", "The backend chose an extension that was not offered.")
        return (chosen[0] if chosen else None), agreement


def target_of(parts: SplitResult, rest: str, query: str) -> str:
    """Return the endpoint's path and query, with the client's behind them, byte for byte."""
    path = (parts.path.rstrip("/") + rest if rest else parts.path) or "/"
    if not (parts.query or query):
        return path
    return f"{path}?{'&'.join(filter(None, (parts.query, query)))}"


def headers_of(
    handshake: Handshake,
    api: ApiDefinition,
    host: str,
    consumer: Headers,
    credentials: Headers,
    trace: Headers = (),
) -> Headers:
    """Return the client's headers, those that the API sets in their place, who calls, and the trace it belongs to."""
    sent = handshake.headers
    if api.forward_cookies:
        sent += tuple((hdrs.COOKIE, cookie) for cookie in handshake.cookies)
    for added in (tuple(api.set_headers.items()), credentials):
        if added:
            names = {plain(name) for name, _ in added}
            sent = (*((name, value) for name, value in sent if plain(name) not in names), *added)
    return (
        ("Host", host),
        *sent,
        ("X-Forwarded-For", handshake.forwarded_for),
        ("X-Forwarded-Proto", "https" if handshake.secure else "http"),
        ("X-Forwarded-Host", handshake.host),
        ("X-Request-Id", handshake.request_id),
        *consumer,
        *trace,
    )
