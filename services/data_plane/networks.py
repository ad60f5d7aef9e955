"""Whether an address lies in one of some networks."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is one of these, or in one of these networks."""
    found = ip_address(address)
    return any(found in _parse(network) for network in networks)


@lru_cache(maxsize=10_000)
def _parse(text: str) -> Network:
    return ip_network(text, strict=False)
