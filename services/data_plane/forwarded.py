"""What proxies before us say about a client: believed of those that are trusted, of nobody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, Self

from multidict import CIMultiDictProxy

_SECURE: Final = {"https": True, "wss": True, "http": False, "ws": False}


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks of the proxies and balancers before this pod."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read CIDRs, parted by commas. Raises `ValueError`."""
        return cls(tuple(ip_network(part.strip()) for part in text.split(",") if part.strip()))

    def trust(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and any(address in network for network in self.networks)


class Sender(NamedTuple):
    """Who sent a request: the client's address, whether it came by TLS, and the chain that the backend is told."""

    address: str
    secure: bool
    chain: str


def find_sender(headers: CIMultiDictProxy[str], address: str, proxies: TrustedProxies, *, secure: bool) -> Sender:
    """Return who sent a request that came from `address`: that one, or the client of a trusted proxy."""
    if not proxies.networks or not proxies.trust(address):
        return Sender(address, secure, address)
    hops = [hop.strip() for line in headers.getall("X-Forwarded-For", ()) for hop in line.split(",")]
    chain = [hop for hop in hops if hop]
    protocol = headers.getall("X-Forwarded-Proto", [""])[-1].rpartition(",")[2].strip().lower()
    return Sender(
        address=_find_client(chain, address, proxies),
        secure=_SECURE.get(protocol, secure),
        chain=", ".join([*chain, address]),
    )


def _find_client(chain: Sequence[str], address: str, proxies: TrustedProxies) -> str:
    """Walk back from the nearest hop: each one is vouched for by the trusted one that named it."""
    for hop in reversed(chain):
        found = _parse(hop)
        if found is None:
            break
        address = str(found)
        if not proxies.trust(address):
            break
    return address


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, less its zone. Some proxies add the port: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
