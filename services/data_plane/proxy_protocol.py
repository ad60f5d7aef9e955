"""The PROXY protocol, version 2: what a balancer says first, in bytes of a fixed form, of whom it connects for.

The sections named here are those of HAProxy's `proxy-protocol.txt`.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
HEAD_BYTES: Final = 16
MAX_BYTES: Final = 536  # section 2: a header fits into the smallest segment that any host must take

_HEAD: Final = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21  # version 2 in the high bits, the command in the low ones
_TCP4, _TCP6 = 0x11, 0x21
_TCP4_BYTES, _TCP6_BYTES = 12, 36  # two addresses and two ports


class ProxyHeaderError(ValueError):
    """What came first is not a header that is taken here."""


@dataclass(frozen=True, slots=True)
class ProxyHead:
    """The fixed part of a header. `rest_bytes` follow: the addresses, and extensions that nobody here asks for."""

    family: int
    rest_bytes: int

    def read_source(self, rest: bytes) -> str | None:
        """Return the client's address; None where the balancer connects for itself (LOCAL)."""
        if self.family == _TCP4:
            return str(IPv4Address(rest[:4]))
        if self.family == _TCP6:
            address = IPv6Address(rest[:16])
            return str(address.ipv4_mapped or address)
        return None


def read_head(data: bytes) -> ProxyHead:
    """Read the first `HEAD_BYTES` (section 2.2). Raises `ProxyHeaderError` for all but LOCAL, and PROXY of TCP."""
    signature, command, family, rest_bytes = _HEAD.unpack(data)
    if signature != SIGNATURE:
        raise ProxyHeaderError("no PROXY header of version 2")
    if HEAD_BYTES + rest_bytes > MAX_BYTES:
        raise ProxyHeaderError("the PROXY header is too long")
    if command == _LOCAL:
        return ProxyHead(0, rest_bytes)  # section 2.2: whatever else it says must be ignored
    if command != _PROXY:
        raise ProxyHeaderError("the PROXY header has another version or command")
    needed = {_TCP4: _TCP4_BYTES, _TCP6: _TCP6_BYTES}.get(family)
    if needed is None:
        raise ProxyHeaderError("the PROXY header is not of TCP over IPv4 or IPv6")
    if rest_bytes < needed:
        raise ProxyHeaderError("the PROXY header lacks the addresses")
    return ProxyHead(family, rest_bytes)
