from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.control_plane.kit.text import Word
from shared.claims import MAX_TOKEN_BYTES
from shared.definition import KeyType


class ExternalKeyCreate(BaseModel):
    """A client of an external issuer. One of its access tokens proves that it is the caller's, and names it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key_type: KeyType
    issuer: Word
    token: Annotated[SecretStr, Field(min_length=1, max_length=MAX_TOKEN_BYTES)]


class ExternalKeyRead(BaseModel):
    id: str
    key_type: KeyType
    issuer: str
    external_client_id: str
    created_at: datetime


class MappedClientRead(ExternalKeyRead):
    """As an administrator sees it."""

    application_id: str
