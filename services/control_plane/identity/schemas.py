from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from services.control_plane.identity.passwords import check_password
from services.control_plane.identity.scopes import Scope
from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Name, Word

RoleNames = Annotated[list[Word], Field(max_length=20)]
ScopeList = Annotated[list[Scope], Field(max_length=20)]

OrganisationChoice = Annotated[Word | None, Field(description="one's own unless the platform's say another")]


class UserWrite(WriteBody):
    """What can be changed of a user."""

    roles: RoleNames = Field(default_factory=lambda: ["subscriber"])
    disabled: bool = False


class UserCreate(UserWrite):
    name: Name
    organisation: OrganisationChoice = None
    password: SecretStr | None = None

    @field_validator("password")
    @classmethod
    def _check_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            check_password(value.get_secret_value(), info.data.get("name", ""))
        return value


class UserRead(BaseModel):
    id: str
    name: str
    organisation: str
    roles: list[str]
    disabled: bool
    must_change_password: bool
    created_at: datetime


class OneTimePassword(BaseModel):
    """A password that is shown this once, and lets a user choose a new one."""

    one_time_password: str


class UserCreated(UserRead):
    one_time_password: str | None = None


class RoleWrite(WriteBody):
    """What can be changed of a role."""

    scopes: ScopeList = Field(default_factory=list)


class RoleCreate(RoleWrite):
    name: Word


class RoleRead(BaseModel):
    name: str
    scopes: list[str]
    builtin: bool


class ServiceAccountCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: ScopeList = []
    roles: RoleNames = []
    organisation: OrganisationChoice = None


class ServiceAccountRead(BaseModel):
    id: str
    name: str
    organisation: str
    client_id: str
    scopes: list[str]
    roles: list[str]
    disabled: bool
    created_at: datetime


class ServiceAccountCreated(ServiceAccountRead):
    """A new account with its secret, which is shown this once."""

    client_secret: str


class SecretRotate(BaseModel):
    """For how long the old secret goes on beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 24 * 3600)] = 0


class ClientSecretRead(BaseModel):
    """A new secret, which is shown this once."""

    client_id: str
    client_secret: str


class MeRead(BaseModel):
    id: str
    name: str
    organisation: str
    kind: str
    roles: list[str]
    scopes: list[str]


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current: SecretStr
    new: SecretStr


class PersonalTokenCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]
    validity_seconds: Annotated[int, Field(ge=60, le=366 * 24 * 3600)] = 90 * 24 * 3600


class PersonalTokenRead(BaseModel):
    id: str
    name: str
    ends_with: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime


class PersonalTokenCreated(PersonalTokenRead):
    """A new token with its text, which is shown this once."""

    token: str
