"""Headers of the PROXY protocol, as a balancer writes them."""

import socket

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def proxy_header(source: str, *, extensions: bytes = b"") -> bytes:
    """Return the header of a connection from `source`, IPv4 or IPv6."""
    family, kind = (socket.AF_INET6, 0x21) if ":" in source else (socket.AF_INET, 0x11)
    address = socket.inet_pton(family, source)
    rest = address + address + (12345).to_bytes(2) + (443).to_bytes(2) + extensions
    return SIGNATURE + bytes((0x21, kind)) + len(rest).to_bytes(2) + rest
