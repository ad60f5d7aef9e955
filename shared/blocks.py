from ipaddress import ip_network
from typing import Literal, Self

from pydantic import model_validator

from shared.contract import Contract

BlockKind = Literal["application", "user", "address", "api"]


class BlockDefinition(Contract):
    """Who or what is turned away: an application or an API by id, a user by name, or an address or network (CIDR)."""

    id: str
    kind: BlockKind
    value: str
    account_id: str | None = None
    """Of a user, once there is one of this name: tokens name people by their ids."""

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if self.kind == "address":
            ip_network(self.value, strict=False)
        return self
