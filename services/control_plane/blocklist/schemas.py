from datetime import datetime

from pydantic import BaseModel, ValidationInfo, field_validator

from services.control_plane.kit.networks import normalise_address
from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Name
from shared.blocks import BlockKind


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
