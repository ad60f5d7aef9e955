from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from pydantic import BaseModel, ValidationInfo, field_validator

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Name
from shared.blocks import BlockKind

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


class BlockWrite(WriteBody):
    """Whom to turn away: an application or an API by id, a user by name, an address or network."""

    kind: BlockKind
    value: Name

    @field_validator("value")
    @classmethod
    def _normalise(cls, value: str, info: ValidationInfo) -> str:
        return normalise_address(value) if info.data.get("kind") == "address" else value


class BlockRead(BaseModel):
    id: str
    kind: BlockKind
    value: str
    created_at: datetime
