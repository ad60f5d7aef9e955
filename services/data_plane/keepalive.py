"""Connections whose other end is gone without a word."""

import socket
from typing import Final

# By name, for not every system has all of them. TCP_USER_TIMEOUT covers what was sent and is not acknowledged, the
# probes cover silence; both give up after 90 seconds.
_OPTIONS: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 90_000}


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel notice a peer that is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
