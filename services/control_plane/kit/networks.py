"""Addresses and networks of clients, as people write them and as they are compared."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291, section 2.5.5.2


def normalise_address(value: str) -> str:
    """Return an address or network as it is compared: IPv4 where it is mapped, and one address without a prefix."""
    try:
        network = ip_network(value)
    except ValueError as error:
        raise ValueError("must be an IP address, or a network such as 203.0.113.0/24, its host bits 0") from error
    if "%" in value:
        raise ValueError("must have no zone: that means something on one machine alone")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        prefix = network.prefixlen - _MAPPED.prefixlen
        network = IPv4Network((int(network.network_address) & 0xFFFFFFFF, prefix))
    return str(network.network_address if network.num_addresses == 1 else network)


AddressOrNetwork = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(normalise_address)
]
