"""From a backend's URL to a connection: names, addresses, TCP and TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, TypeVar, cast
from urllib.parse import SplitResult

from aiohappyeyeballs import AddrInfoType, start_connection

from services.data_plane.refusal import UnreachableError
from services.data_plane.time_limit import TimeLimit
from services.data_plane.tls import connecting
from shared.addresses import AddressPolicy

CONNECT_SECONDS: Final = 5.0
HEAD_START_SECONDS: Final = 0.25
"""How long an address has before the next one is tried beside it (RFC 8305, section 5)."""

_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}

P = TypeVar("P", bound=asyncio.Protocol)


class Connector:
    """Connects to backends at addresses where they may be."""

    def __init__(self, addresses: AddressPolicy, seconds: float = CONNECT_SECONDS) -> None:
        self._permits = lru_cache(maxsize=10_000)(addresses.permits)
        self._seconds = seconds

    async def connect(self, parts: SplitResult, tls: ssl.SSLContext, make_protocol: Callable[[], P]) -> P:
        """Return the protocol of a new connection. Raises `UnreachableError`."""
        try:
            with TimeLimit(self._seconds):
                return await self._connect(parts, tls, make_protocol)
        except TimeoutError as error:
            detail = "The backend did not accept the connection in time."
            raise UnreachableError("upstream_timeout", detail) from error
        except ssl.SSLError as error:
            raise UnreachableError("upstream_unreachable", _explain(error)) from error
        except UnicodeError as error:  # as for "a..b"
            raise UnreachableError("upstream_unreachable", "The backend's host is not a name.") from error
        except (OSError, RuntimeError) as error:  # uvloop has RuntimeError for some faults of sockets
            raise UnreachableError("upstream_unreachable") from error

    async def _connect(self, parts: SplitResult, tls: ssl.SSLContext, make_protocol: Callable[[], P]) -> P:
        host, port = _address_of(parts)
        loop = asyncio.get_running_loop()
        secure = parts.scheme == "wss"
        create = connecting(tls, host) if secure else loop.create_connection
        protocol: P
        # The checked addresses are those that are dialled: a second look-up could answer otherwise.
        literal = _is_literal(host)
        found = [] if literal else await _look_up(loop, host, port)
        addresses = [host] if literal else [str(entry[4][0]) for entry in found]
        if not all(map(self._permits, addresses)):
            raise UnreachableError("address_forbidden")
        if len(addresses) == 1:  # mostly: and then half the work
            _, protocol = await create(make_protocol, addresses[0], port)
        else:
            sock = await start_connection(found, happy_eyeballs_delay=HEAD_START_SECONDS)
            try:
                _, protocol = await create(make_protocol, sock=sock)
            except BaseException:
                sock.close()
                raise
        return protocol


async def _look_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[AddrInfoType]:
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return cast("list[AddrInfoType]", found)  # without IPv6, addresses could be bytes


@lru_cache(maxsize=1000)
def _address_of(parts: SplitResult) -> tuple[str, int]:
    return parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]


@lru_cache
def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _explain(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "The backend's certificate is not trusted, or not for its name."
    return "TLS with the backend failed."
