"""Which addresses a backend may have."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291, section 2.4: all that is assigned to the public so far
# What older versions of `ipaddress` take for public: protocol assignments, 6to4 relays, documentation (RFC 9637).
_NOT_PUBLIC = tuple(ip_network(value) for value in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
_METADATA = tuple(ip_address(value) for value in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200"))


_LOCAL = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_DEMO = tuple(ip_network(value) for value in _LOCAL)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Refuses what `deny` names, then permits what `allow` names, then all public addresses.

    Link-local, cloud metadata, multicast, unspecified, loopback and private addresses are not public.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, allow: str, deny: str, *, demo: bool = False) -> Self:
        """Read two lists of CIDRs, parted by commas. A demo's backends are near. Raises `ValueError`."""
        return cls((*_networks(allow), *(_DEMO if demo else ())), tuple(_networks(deny)))

    def permits(self, text: str) -> bool:
        """Tell whether an address, as a resolver gives it, may be dialled."""
        outer = ip_address(text.partition("%")[0])
        address = _innermost(outer)
        if any(outer in network or address in network for network in self.deny):
            return False
        return self.names(text) or _is_public(address)

    def names(self, text: str) -> bool:
        """Tell whether `allow` names an address."""
        address = _innermost(ip_address(text.partition("%")[0]))
        return any(address in network for network in self.allow)


def _networks(text: str) -> Iterable[Network]:
    return (ip_network(part.strip()) for part in text.split(",") if part.strip())


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if address in _METADATA or any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def _innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 form leads to: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
