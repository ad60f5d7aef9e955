"""The WebSocket ports: one HTTP request a connection, which is then handed over or refused.

aiohttp's server would spend more on its tasks, request object and keep-alive than all stages together, and this port
needs none of them. Its parser stays.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, cast

from services.data_plane.acceptor import Acceptor
from services.data_plane.connection import Request
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.http1 import HeadTooLargeError, MalformedHeadError, RequestHead, RequestReader
from services.data_plane.refusal import RefusedError, come_back_later, render
from services.data_plane.sockets import BACKLOG, listen
from services.data_plane.tls import Certificate

log = logging.getLogger(__name__)

HEADER_SECONDS: Final = 10.0
LINGER_SECONDS: Final = 1.0
EARLY_BYTES: Final = 64 * 1024
SPARE: Final = 32  # connections beyond those there is room for: they are told to come back


class ClientGoneError(ConnectionError):
    """The client hung up during its handshake."""


def new_request_id() -> str:
    """Return what a handshake, and the connection that comes of it, is known by."""
    return secrets.token_hex(16)


class Exchange(asyncio.Protocol):
    """A client's connection until its one request is answered."""

    __slots__ = ("_address", "_deadline", "_early", "_listener", "_reader", "_refused", "_task", "_transport")

    _transport: asyncio.Transport

    def __init__(self, listener: "Listener", address: str | None = None) -> None:
        """Serve a client at `address`; without one, at that which its connection comes from."""
        self._listener = listener
        self._address = address
        self._reader: RequestReader | None = RequestReader(listener.loop)
        self._early = b""
        self._refused = False
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so
        self._listener.exchanges.add(self)
        if not self._listener.has_room(SPARE):
            self._transport.abort()
            return
        self._deadline = self._listener.loop.call_later(HEADER_SECONDS, self.abort)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._reader is None:
            self._keep(data)
            return
        try:
            head = self._reader.feed(data)
        except HeadTooLargeError as error:
            self._listener.refuse(self, RefusedError("headers_too_large", f"The request can't be read: {error}."))
            return
        except MalformedHeadError as error:
            self._listener.refuse(self, RefusedError("malformed_upgrade", f"The request can't be read: {error}."))
            return
        if head is not None:
            self._reader = None
            self._cancel_deadline()
            if not self._listener.has_room():
                self._listener.refuse(self, come_back_later("overloaded"))
                return
            self._keep(head.rest)
            self._task = self._listener.begin(self, self._describe(head))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost changes nothing
        self._leave()
        if self._task is not None:
            self._task.cancel()

    # What the handler calls.

    def accept(self, protocol: asyncio.Protocol, answer: bytes) -> tuple[asyncio.Transport, bytes]:
        """Answer an upgrade and hand the connection to `protocol`.

        Returns the transport and the bytes that came behind the request. Raises `ClientGoneError`.
        """
        if self._transport.is_closing():
            raise ClientGoneError
        self._task = None
        self._leave()
        self._transport.write(answer)
        self._transport.set_protocol(protocol)
        self._transport.resume_reading()
        return self._transport, self._early

    def refuse(self, answer: bytes) -> None:
        """Answer with a refusal: nothing that came behind the request is ever read as another."""
        self._refused = True
        self._task = None
        self._early = b""
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        # Half-close, and go on discarding what comes: a reset would lose the answer.
        self._transport.write_eof()
        self._transport.resume_reading()
        self._cancel_deadline()
        self._deadline = self._listener.loop.call_later(LINGER_SECONDS, self.abort)

    def abort(self) -> None:
        self._transport.abort()

    # Inside.

    def _describe(self, head: RequestHead) -> Request:
        secure = self._transport.get_extra_info("sslcontext") is not None
        address = self._address
        if address is None:
            peer = self._transport.get_extra_info("peername")
            address = str(peer[0]) if peer else ""
        return Request(head.method, head.target, head.version, head.headers, address, secure)

    def _keep(self, data: bytes) -> None:
        """Keep what comes before the answer, for whoever takes the connection over."""
        self._early += data
        if len(self._early) >= EARLY_BYTES:
            self._transport.pause_reading()

    def _leave(self) -> None:
        self._cancel_deadline()
        self._listener.exchanges.discard(self)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


Handler = Callable[[Exchange, Request], Awaitable[None]]


class Listener:
    """Makes an `Exchange` of each connection, and runs the handler for its request.

    `count_open` tells how many connections were handed over and are open still, `capacity` how many may be. With
    `proxies` every connection comes from one of them and begins with a PROXY header.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        capacity: int,
        count_open: Callable[[], int],
        proxies: TrustedProxies | None,
        on_refused: Callable[[str], None],
    ) -> None:
        self._handle = handle
        self._count_open = count_open
        self._proxies = proxies
        self._on_refused = on_refused
        self.capacity = capacity
        self.loop = asyncio.get_running_loop()
        self.exchanges: set[Exchange] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[Acceptor] = []

    async def listen(
        self, host: str, port: int, certificate: Certificate | None = None, *, shared: bool = False
    ) -> int:
        """Accept connections; return the port, which 0 leaves to the system. Raises `PortError`."""
        sockets = listen(host, port, shared=shared)
        port = int(sockets[0].getsockname()[1])
        if certificate is not None or self._proxies is not None:
            acceptor = self._make_acceptor(certificate)
            for opened in sockets:
                acceptor.listen(opened)
            return port
        for opened in sockets:
            # The loop accepts in C. Out of descriptors it drops whom it can't take, and goes on.
            self._servers.append(await self.loop.create_server(lambda: Exchange(self), sock=opened, backlog=BACKLOG))
        return port

    def has_room(self, spare: int = 0) -> bool:
        """Tell whether those who are here, the one that asks among them, are not too many."""
        here = len(self.exchanges) + self._count_open()
        for acceptor in self._acceptors:
            here += len(acceptor.settling)
        return here <= self.capacity + spare

    async def close(self) -> None:
        """Stop accepting, and drop the connections that are not answered yet."""
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            await acceptor.close()
        for task in list(self._tasks):
            task.cancel()
        for exchange in list(self.exchanges):
            exchange.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _make_acceptor(self, certificate: Certificate | None) -> Acceptor:
        acceptor = Acceptor(
            lambda address: Exchange(self, address),
            certificate=certificate,
            proxies=self._proxies,
            has_room=self.has_room,
            on_refused=self._on_refused,
        )
        self._acceptors.append(acceptor)
        return acceptor

    def begin(self, exchange: Exchange, request: Request) -> asyncio.Task[None]:
        """Run the handler. The task is kept until it is done: the loop alone would let it vanish."""
        task = self.loop.create_task(self._run(exchange, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def refuse(self, exchange: Exchange, refused: RefusedError) -> None:
        """Answer for the handler what never gets to it."""
        self._on_refused(refused.problem.slug)
        exchange.refuse(render(refused, new_request_id()))

    async def _run(self, exchange: Exchange, request: Request) -> None:
        try:
            await self._handle(exchange, request)
        except ClientGoneError:
            pass
        except Exception:
            # A fault of ours ends one connection, and is seen.
            log.exception("a handshake failed")
            exchange.refuse(render(RefusedError("internal_error"), new_request_id()))
