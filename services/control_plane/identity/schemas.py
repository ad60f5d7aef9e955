from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.control_plane.identity.scopes import Scope
from services.control_plane.kit.text import Name, Word


class ServiceAccountCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: Annotated[list[Scope], Field(max_length=20)] = []
    roles: Annotated[list[Word], Field(max_length=20)] = []


class ServiceAccountRead(BaseModel):
    id: str
    name: str
    client_id: str
    scopes: list[str]
    roles: list[str]
    disabled: bool
    created_at: datetime


class ServiceAccountCreated(ServiceAccountRead):
    """A new account with its secret, which is shown this once."""

    client_secret: str
