"""Stage 5: the backend is dialled, and its 101 verified, before the client's is sent (RFC 6455, section 4.1)."""

import asyncio
import socket
import ssl
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from itertools import count
from typing import cast
from urllib.parse import SplitResult, urlsplit

from aiohttp import hdrs
from websockets.exceptions import InvalidHeader
from websockets.utils import accept_key, generate_key

from services.data_plane.connection import OWN_SUBPROTOCOL, Handshake, Headers
from services.data_plane.deflate import Agreement, choose_offers, read_answer
from services.data_plane.http1 import AnswerHead, AnswerReader
from services.data_plane.refusal import RefusedError
from shared.addresses import AddressPolicy
from shared.definition import Endpoint

CONNECT_SECONDS = 5.0
HANDSHAKE_SECONDS = 10.0

_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A backend that said yes. Its transport is paused; `early` came behind its 101."""

    url: str
    transport: asyncio.Transport
    early: bytes
    subprotocol: str | None
    agreement: Agreement


class Dialler:
    """Opens connections to backends, and knows how many are open to each URL."""

    def __init__(
        self,
        addresses: AddressPolicy,
        tls: ssl.SSLContext,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._addresses = addresses
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._handshake_seconds = handshake_seconds
        self._turn = count()
        self._open: Counter[str] = Counter()

    async def dial(
        self, handshake: Handshake, endpoint: Endpoint, rest: str, application: str | None, *, droppable: bool
    ) -> Upstream:
        """Connect to one of an endpoint's URLs. A URL that can't be reached makes room for the next.

        `rest` is the path behind the API's context; with `droppable` the backend is asked for compression that
        survives a dropped message. Raises `RefusedError`.
        """
        try:
            offers = choose_offers(handshake.extensions, droppable=droppable)
        except InvalidHeader as error:
            raise RefusedError("malformed_upgrade", "Sec-WebSocket-Extensions is malformed.") from error
        failure = RefusedError("upstream_unreachable")
        for url in self._order(endpoint):
            parts = urlsplit(url)
            try:
                protocol = await self._connect(parts)
            except RefusedError as error:
                failure = error
                continue
            try:
                upstream = await self._shake_hands(url, parts, protocol, handshake, rest, application, offers)
            except BaseException:
                protocol.transport.abort()
                raise
            self._open[url] += 1
            return upstream
        raise failure

    def release(self, url: str) -> None:
        """Forget one connection to a URL."""
        self._open[url] -= 1
        if not self._open[url]:
            del self._open[url]

    def _order(self, endpoint: Endpoint) -> list[str]:
        urls = list(endpoint.urls)
        if endpoint.balance == "least_connections":
            return sorted(urls, key=lambda url: self._open[url])
        turn = next(self._turn) % len(urls) if endpoint.balance == "round_robin" else 0
        return urls[turn:] + urls[:turn]

    async def _connect(self, parts: SplitResult) -> "_AnswerProtocol":
        host = parts.hostname or ""
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        secure = parts.scheme == "wss"
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                # The checked address is the one that is dialled: a second look-up could answer otherwise.
                address = await self._resolve(host, port)
                _, protocol = await loop.create_connection(
                    lambda: _AnswerProtocol(loop),
                    address,
                    port,
                    ssl=self._tls if secure else None,
                    server_hostname=host if secure else None,
                )
        except TimeoutError as error:
            raise RefusedError("upstream_timeout", "The backend did not accept the connection in time.") from error
        except ssl.SSLError as error:
            raise RefusedError("upstream_unreachable", "TLS with the backend failed.") from error
        except OSError as error:
            raise RefusedError("upstream_unreachable") from error
        return protocol

    async def _resolve(self, host: str, port: int) -> str:
        if _is_literal(host):
            if not self._addresses.permits(host):
                raise RefusedError("address_forbidden")
            return host
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not all(self._addresses.permits(address) for address in addresses):
            raise RefusedError("address_forbidden")
        return addresses[0]

    async def _shake_hands(
        self,
        url: str,
        parts: SplitResult,
        protocol: "_AnswerProtocol",
        handshake: Handshake,
        rest: str,
        application: str | None,
        offers: str,
    ) -> Upstream:
        key = generate_key()
        offered = tuple(name for name in handshake.subprotocols if name != OWN_SUBPROTOCOL)
        target = _target(parts, rest, handshake.query)
        headers = _headers(handshake, application, parts.netloc)
        protocol.transport.write(_request(target, headers, key, offered, offers))
        try:
            async with asyncio.timeout(self._handshake_seconds):
                answer = await protocol.answer
        except TimeoutError as error:
            raise RefusedError("upstream_timeout") from error
        except (ConnectionError, ValueError) as error:
            raise RefusedError("upstream_refused", "The backend's answer is not a WebSocket handshake.") from error
        subprotocol, agreement = _verify(answer, key, offered, offers)
        return Upstream(url, protocol.transport, answer.rest, subprotocol, agreement)


@lru_cache
def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _AnswerProtocol(asyncio.Protocol):
    """Waits for the head of the backend's answer, then stops reading."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[AnswerHead] = loop.create_future()
        self._reader = AnswerReader(loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
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

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("closed before its answer"))


def _target(parts: SplitResult, rest: str, query: str) -> str:
    path = (parts.path.rstrip("/") + rest if rest else parts.path) or "/"
    queries = "&".join(filter(None, (parts.query, query)))
    return f"{path}?{queries}" if queries else path


def _headers(handshake: Handshake, application: str | None, host: str) -> Headers:
    consumer = (("X-Consumer-Application", application),) if application is not None else ()
    return (
        ("Host", host),
        *handshake.headers,
        ("X-Forwarded-For", handshake.forwarded_for),
        ("X-Forwarded-Proto", "https" if handshake.secure else "http"),
        ("X-Forwarded-Host", handshake.host),
        ("X-Request-Id", handshake.request_id),
        *consumer,
    )


def _request(target: str, headers: Headers, key: str, subprotocols: tuple[str, ...], extensions: str) -> bytes:
    own = [
        (hdrs.UPGRADE, "websocket"),
        (hdrs.CONNECTION, "Upgrade"),
        (hdrs.SEC_WEBSOCKET_VERSION, "13"),
        (hdrs.SEC_WEBSOCKET_KEY, key),
    ]
    if subprotocols:
        own.append((hdrs.SEC_WEBSOCKET_PROTOCOL, ", ".join(subprotocols)))
    if extensions:
        own.append((hdrs.SEC_WEBSOCKET_EXTENSIONS, extensions))
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (*headers, *own)), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")  # as aiohttp decoded it: the same bytes


def _verify(answer: AnswerHead, key: str, subprotocols: tuple[str, ...], offers: str) -> tuple[str | None, Agreement]:
    """Hold the answer against RFC 6455, section 4.1, items 1 to 6."""
    headers = answer.headers
    if answer.status != 101:  # noqa: PLR2004
        raise RefusedError("upstream_refused", f"The backend answered {answer.status}.")
    if not _has_token(answer, hdrs.UPGRADE, "websocket") or not _has_token(answer, hdrs.CONNECTION, "upgrade"):
        raise RefusedError("upstream_refused", "The backend's answer is not an upgrade to WebSocket.")
    if headers.getall(hdrs.SEC_WEBSOCKET_ACCEPT, ()) != [accept_key(key)]:
        raise RefusedError("upstream_refused", "The backend's Sec-WebSocket-Accept is wrong.")
    chosen = headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, ())
    if len(chosen) > 1 or not set(chosen) <= set(subprotocols):
        raise RefusedError("upstream_refused", "The backend chose a subprotocol that was not offered.")
    agreement = read_answer(", ".join(headers.getall(hdrs.SEC_WEBSOCKET_EXTENSIONS, ())), offers)
    if agreement is None:
        raise RefusedError("upstream_refused", "The backend chose an extension that was not offered.")
    return (chosen[0] if chosen else None), agreement


def _has_token(answer: AnswerHead, name: str, token: str) -> bool:
    return any(part.strip().lower() == token for line in answer.headers.getall(name, ()) for part in line.split(","))
