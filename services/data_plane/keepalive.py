"""Connections whose other end is gone without a word."""

import asyncio
import socket
from typing import Final

_NAMED: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 90_000}

# By name, for not every system has all of them. TCP_USER_TIMEOUT covers what was sent and is not acknowledged, the
# probes cover silence; both give up after 90 seconds.
_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _NAMED.items() if hasattr(socket, name)),
)


def keep_alive(transport: asyncio.Transport) -> None:
    """Have the kernel notice a peer that is gone. A mock has no socket."""
    sock = transport.get_extra_info("socket")
    if sock is None or transport.is_closing():
        return
    try:
        # uvloop's stand-in for a socket makes one for each call: one for all will do.
        real = socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
        try:
            for option in _OPTIONS:
                real.setsockopt(*option)
        finally:
            real.detach()
    except OSError:  # it is gone already
        transport.abort()
