"""Whether an address lies in one of some networks, and whose it is."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Tell whether an address is one of these, or in one of these networks."""
    found = ip_address(address)
    return any(found in _parse(network) for network in networks)


@lru_cache(maxsize=10_000)
def find_source(address: str) -> str:
    """Return whom an address counts as: of IPv6 a host has as many as it likes, within its network."""
    found = ip_address(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


@lru_cache(maxsize=10_000)
def _parse(text: str) -> Network:
    return ip_network(text, strict=False)
