"""The sockets that a pod listens on."""

import errno
import socket
from typing import Final

BACKLOG: Final = 4096


class PortError(Exception):
    """A port can't be listened on. The text says which, and why."""


def listen(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Listen on all addresses of a host; with `shared` beside other processes that do. Raises `PortError`."""
    sockets: list[socket.socket] = []
    try:
        for family, address in _resolve(host, port):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared))
            sockets[-1].setblocking(False)
    except OSError as error:
        for opened in sockets:
            opened.close()
        why = "somebody else listens there" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise PortError(f"{host}, port {port}: {why}") from error
    return sockets


def check_free(host: str, port: int) -> None:
    """See that nobody listens on a port that is to be shared. Raises `PortError`."""
    for opened in listen(host, port):
        opened.close()


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list({(family, (str(address[0]), int(address[1]))): None for family, _, _, _, address in found})
