"""Connections that have something to settle ahead of HTTP: for whom a balancer connects, and TLS."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

from services.data_plane.forwarded import TrustedProxies
from services.data_plane.proxy_protocol import HEAD_BYTES, ProxyHeaderError, read_head
from services.data_plane.tls import Certificate, shake_hands

log = logging.getLogger(__name__)

PROXY_SECONDS: Final = 5.0
BURST: Final = 64
PAUSE_SECONDS: Final = 1.0

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts connections, and gives each that comes through to a protocol made by `make` for the client's address.

    With `proxies` every connection comes from one of them, and begins with a PROXY header.
    """

    def __init__(
        self,
        make: Callable[[str], asyncio.Protocol],
        *,
        certificate: Certificate | None,
        proxies: TrustedProxies | None,
        has_room: Callable[[], bool],
        on_refused: Callable[[str], None],
    ) -> None:
        self._make = make
        self._certificate = certificate
        self._proxies = proxies
        self._has_room = has_room
        self._on_refused = on_refused
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._resume: dict[socket.socket, asyncio.TimerHandle] = {}
        self.settling: set[asyncio.Task[None]] = set()

    def listen(self, listening: socket.socket) -> None:
        """Accept what comes to a listening socket, which is the acceptor's from now on."""
        self._listening.append(listening)
        self._loop.add_reader(listening, self._accept, listening)

    async def close(self) -> None:
        """Stop accepting, and drop what isn't settled."""
        for listening in self._listening:
            if timer := self._resume.pop(listening, None):
                timer.cancel()
            self._loop.remove_reader(listening)
            listening.close()
        for task in self.settling:
            task.cancel()
        if self.settling:
            await asyncio.wait(self.settling)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BURST):
            try:
                client, peer = listening.accept()
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(listening, error)
                return
            if not self._has_room():
                self._on_refused("overloaded")
                client.close()
                continue
            client.setblocking(False)
            task = self._loop.create_task(self._settle(client, str(peer[0])))
            self.settling.add(task)
            task.add_done_callback(self.settling.discard)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """Leave those who wait in the queue for a moment: asking again at once would be a loop that never rests."""
        log.warning("nobody is accepted for %.0f s: %s", PAUSE_SECONDS, error.strerror)
        self._loop.remove_reader(listening)
        self._resume[listening] = self._loop.call_later(PAUSE_SECONDS, self._on_pause_over, listening)

    def _on_pause_over(self, listening: socket.socket) -> None:
        del self._resume[listening]
        self._loop.add_reader(listening, self._accept, listening)

    async def _settle(self, client: socket.socket, peer: str) -> None:
        try:
            address = peer if self._proxies is None else await self._read_source(client, peer, self._proxies)
            await self._hand_over(client, address)
        except (ProxyHeaderError, TimeoutError) as error:
            # At a level that a flood of these doesn't fill a disk at; the metric counts them.
            log.debug("a connection of %s is refused: %s", peer, error)
            self._on_refused("proxy_header")
            client.close()
        except OSError as error:  # those of TLS too
            log.debug("a connection of %s came to nothing: %s", peer, error)
            self._on_refused("tls" if self._certificate else "lost")
            client.close()
        except BaseException:
            client.close()
            raise

    async def _read_source(self, client: socket.socket, peer: str, proxies: TrustedProxies) -> str:
        """Return the client's address; the balancer's own where it connects for itself."""
        if not proxies.trust(peer):
            raise ProxyHeaderError("it is not a trusted proxy")
        async with asyncio.timeout(PROXY_SECONDS):
            head = read_head(await self._read(client, HEAD_BYTES))
            return head.read_source(await self._read(client, head.rest_bytes)) or peer

    async def _read(self, client: socket.socket, size: int) -> bytes:
        """Read so much and no more: what follows is for TLS or HTTP."""
        data = b""
        while len(data) < size:
            piece = await self._loop.sock_recv(client, size - len(data))
            if not piece:
                raise ProxyHeaderError("it ends within the PROXY header")
            data += piece
        return data

    async def _hand_over(self, client: socket.socket, address: str) -> None:
        if self._certificate is None:
            await self._loop.connect_accepted_socket(lambda: self._make(address), client)
        else:
            await shake_hands(client, self._certificate.context, lambda: self._make(address))
