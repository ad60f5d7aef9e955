from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from services.control_plane.kit.networks import AddressOrNetwork
from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Name
from services.control_plane.publisher.schemas import Origin
from services.control_plane.store.schemas import Validity
from shared.definition import KeyType


class ApiKeyFields(WriteBody):
    """What can be changed of a key. An empty list allows all."""

    read_only = WriteBody.read_only | {"expires_at", "ends_with"}

    name: Name
    allowed_ips: Annotated[list[AddressOrNetwork], Field(max_length=50, default_factory=list)]
    allowed_origins: Annotated[list[Origin], Field(max_length=50, default_factory=list)]


class ApiKeyWrite(ApiKeyFields):
    """The type may stand there, as it was read, and stays."""

    key_type: KeyType | None = None


class ApiKeyCreate(ApiKeyFields):
    """A new key, which works for ever unless its validity is said."""

    key_type: KeyType
    validity_seconds: Validity | None = None


class ApiKeyRead(BaseModel):
    """A key by how it ends: its text was shown once."""

    id: str
    name: str
    key_type: KeyType
    ends_with: str
    allowed_ips: list[str]
    allowed_origins: list[str]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ApiKeyCreated(ApiKeyRead):
    """A new key with its text, which is shown this once."""

    api_key: str
