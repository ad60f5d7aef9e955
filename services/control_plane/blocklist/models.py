from datetime import datetime
from typing import Final, get_args

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from services.control_plane.kit.columns import Versioned
from shared.blocks import BlockKind

_KINDS: Final = ", ".join(f"'{kind}'" for kind in get_args(BlockKind))


class Block(Versioned, table=True):
    """One entry of the blocklist. It outlives what it blocks."""

    __tablename__ = "block"
    __table_args__ = (UniqueConstraint("kind", "value"), CheckConstraint(f"kind IN ({_KINDS})", name="kind"))

    id: str = Field(primary_key=True)
    kind: str
    value: str = Field(index=True)
    created_at: datetime = Field(index=True)
