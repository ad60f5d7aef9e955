from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, Relationship, SQLModel

from services.control_plane.kit.columns import Versioned
from services.control_plane.kit.tenancy import Tenanted


class Role(Versioned, table=True):
    """A name for scopes, and for who may see a restricted API."""

    __tablename__ = "role"

    name: str = Field(primary_key=True)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    builtin: bool = False


class AccountRole(SQLModel, table=True):
    __tablename__ = "account_role"

    account_id: str = Field(primary_key=True, foreign_key="account.id", ondelete="CASCADE")
    role: str = Field(primary_key=True, foreign_key="role.name")


class Account(Versioned, Tenanted, table=True):
    """A person, who has a password, or a service, which is an OAuth client."""

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        Index("ix_account_kind_organisation_name", "kind", "organisation", "name"),
        Index("ix_account_kind_organisation_created_at", "kind", "organisation", "created_at"),
        CheckConstraint("kind IN ('person', 'service')", name="kind"),
        CheckConstraint("(kind = 'service') = (client_id IS NOT NULL)", name="client"),
    )

    id: str = Field(primary_key=True)
    kind: str
    name: str
    password_hash: str | None = None
    must_change_password: bool = False
    """Somebody else knows it: it opens nothing but the door to a new one."""

    client_id: str | None = Field(default=None, unique=True, foreign_key="oauth_client.id")
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    disabled: bool = False
    created_at: datetime

    roles: list[AccountRole] = Relationship(
        cascade_delete=True, passive_deletes=True, sa_relationship_kwargs={"lazy": "selectin"}
    )


class BrowserSession(SQLModel, table=True):
    """A browser that somebody signed in with, by the hash of its cookie."""

    __tablename__ = "browser_session"

    token_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", ondelete="CASCADE", index=True)
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime = Field(index=True)


class ExternalIdentity(SQLModel, table=True):
    """Who somebody is at an OpenID provider: the one thing that says so is issuer and subject together."""

    __tablename__ = "external_identity"

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", ondelete="CASCADE", index=True)
    created_at: datetime


class PersonalToken(SQLModel, table=True):
    """What a person gives to a script in the place of a password. Of its text only the hash is kept, and its end."""

    __tablename__ = "personal_token"

    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="account.id", ondelete="CASCADE", index=True)
    name: str
    token_hash: str = Field(unique=True)
    ends_with: str
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime
    expires_at: datetime = Field(index=True)
