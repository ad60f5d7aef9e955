from datetime import datetime
from typing import Final, get_args

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from services.control_plane.kit.columns import Versioned
from services.control_plane.kit.tenancy import Tenanted
from shared.definition import KeyType
from shared.subscription import SubscriptionState

_STATES: Final = ", ".join(f"'{state}'" for state in get_args(SubscriptionState))
_KEY_TYPES: Final = ", ".join(f"'{key_type}'" for key_type in get_args(KeyType))


class Application(Versioned, Tenanted, table=True):
    """What a subscriber's client is."""

    __tablename__ = "application"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: str = Field(primary_key=True)
    owner_id: str = Field(foreign_key="account.id")
    name: str
    description: str = ""
    policy_id: str = Field(foreign_key="policy.id", index=True)
    approval: str | None = None
    """Of `Waiting`: as long as there is one pods don't know the application, and it gets no keys."""

    created_at: datetime
    updated_at: datetime

    @property
    def policy(self) -> str:
        return self.policy_id.partition("/")[2]


class ApplicationKey(Versioned, table=True):
    """The OAuth client that an application is for one key type."""

    __tablename__ = "application_key"
    __table_args__ = (CheckConstraint(f"key_type IN ({_KEY_TYPES})", name="key_type"),)

    application_id: str = Field(primary_key=True, foreign_key="application.id")
    key_type: str = Field(primary_key=True)
    client_id: str = Field(unique=True, foreign_key="oauth_client.id")
    created_at: datetime
    updated_at: datetime


class ExternalKey(Versioned, table=True):
    """A client of an external issuer that an application is. `client_id` begins with the issuer's name and a slash."""

    __tablename__ = "external_key"
    __table_args__ = (CheckConstraint(f"key_type IN ({_KEY_TYPES})", name="key_type"),)

    id: str = Field(primary_key=True)
    application_id: str = Field(foreign_key="application.id", index=True)
    key_type: str
    issuer: str = Field(foreign_key="external_issuer.name", index=True)
    client_id: str = Field(unique=True)
    created_at: datetime = Field(index=True)


class ApiKey(Versioned, table=True):
    """What an application may show instead of a token. Of its text only the digest is kept, and how it ends."""

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint(f"key_type IN ({_KEY_TYPES})", name="key_type"),)

    id: str = Field(primary_key=True)
    application_id: str = Field(foreign_key="application.id", index=True)
    key_type: str
    name: str
    digest: str = Field(unique=True)
    ends_with: str
    allowed_ips: list[str] = Field(default_factory=list, sa_type=JSON)
    allowed_origins: list[str] = Field(default_factory=list, sa_type=JSON)
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class Subscription(Versioned, table=True):
    """An application's right to call an API, within a policy."""

    __tablename__ = "subscription"
    __table_args__ = (
        UniqueConstraint("application_id", "api_id"),
        Index("ix_subscription_api_id_created_at", "api_id", "created_at"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
    )

    id: str = Field(primary_key=True)
    application_id: str = Field(foreign_key="application.id")
    api_id: str = Field(foreign_key="api.id")
    policy_id: str = Field(foreign_key="policy.id", index=True)
    state: str = "UNBLOCKED"
    approval: str | None = None
    """Of `Waiting`: as long as there is one pods don't know the subscription."""

    pending_policy: str | None = None
    """The policy that an administrator is to approve instead."""

    created_at: datetime
    updated_at: datetime

    @property
    def policy(self) -> str:
        return self.policy_id.partition("/")[2]


class ApiRating(SQLModel, table=True):
    """How many stars somebody gives an API."""

    __tablename__ = "api_rating"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),)

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    account_id: str = Field(primary_key=True, foreign_key="account.id", ondelete="CASCADE", index=True)
    stars: int
    rated_at: datetime


class ApiComment(SQLModel, table=True):
    __tablename__ = "api_comment"
    __table_args__ = (
        Index("ix_api_comment_api_id", "api_id", "created_at"),
        Index("ix_api_comment_account_id", "account_id", "created_at"),
    )

    id: str = Field(primary_key=True)
    api_id: str = Field(foreign_key="api.id", ondelete="CASCADE")
    account_id: str = Field(foreign_key="account.id", ondelete="CASCADE")
    text: str = Field(sa_type=Text)
    created_at: datetime
