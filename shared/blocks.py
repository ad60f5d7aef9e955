from typing import Literal

from shared.contract import Contract

BlockKind = Literal["application", "user", "address", "api"]


class BlockDefinition(Contract):
    """Who or what is turned away: an application or an API by id, a user by name, or an address or network (CIDR)."""

    id: str
    kind: BlockKind
    value: str
