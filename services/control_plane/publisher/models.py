from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import JSON, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field, Relationship, SQLModel

from services.control_plane.kit.columns import AsJson, Versioned
from services.control_plane.kit.tenancy import Tenanted
from shared.definition import Auth, Endpoints, MessageSizes, State
from shared.validation import OnInvalid

_STATES: Final = ", ".join(f"'{state}'" for state in get_args(State))


class ApiPathPolicy(SQLModel, table=True):
    """A policy that a path of an API is limited by: it can't go as long as one is."""

    __tablename__ = "api_path_policy"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    policy_id: str = Field(primary_key=True, foreign_key="policy.id", index=True)


Environment = Literal["production", "sandbox"]

UNCHECKED: Final[Mapping[str, OnInvalid]] = {"publish": "off", "subscribe": "off"}


class ApiTag(SQLModel, table=True):
    __tablename__ = "api_tag"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    tag: str = Field(primary_key=True, index=True)


class Category(Versioned, table=True):
    """What administrators let publishers sort APIs by."""

    __tablename__ = "category"

    name: str = Field(primary_key=True)
    description: str = ""
    created_at: datetime
    updated_at: datetime


class ApiCategory(SQLModel, table=True):
    __tablename__ = "api_category"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    category: str = Field(primary_key=True, foreign_key="category.name", index=True)


class ApiProperty(SQLModel, table=True):
    __tablename__ = "api_property"
    __table_args__ = (Index("ix_api_property_name_value", "name", "value"),)

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    name: str = Field(primary_key=True)
    value: str


class ApiMaintainer(SQLModel, table=True):
    """A role whose accounts may do with an API what its owner may."""

    __tablename__ = "api_maintainer"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    role: str = Field(primary_key=True, foreign_key="role.name", index=True)


class ApiRole(SQLModel, table=True):
    """Who may see a restricted API in the store."""

    __tablename__ = "api_role"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    role: str = Field(primary_key=True, foreign_key="role.name", index=True)


class ApiIssuer(SQLModel, table=True):
    """An external issuer whose tokens an API takes."""

    __tablename__ = "api_issuer"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    issuer: str = Field(primary_key=True, foreign_key="external_issuer.name", index=True)


class ApiEnvironment(SQLModel, table=True):
    """A gateway environment whose pods serve an API; where there is none, all do."""

    __tablename__ = "api_environment"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    environment: str = Field(primary_key=True, foreign_key="gateway_environment.name", index=True)


class ApiPolicy(SQLModel, table=True):
    """A subscription policy that subscribers may choose."""

    __tablename__ = "api_policy"

    api_id: str = Field(primary_key=True, foreign_key="api.id", ondelete="CASCADE")
    policy_id: str = Field(primary_key=True, foreign_key="policy.id", index=True)

    @property
    def name(self) -> str:
        return self.policy_id.partition("/")[2]


def _links(order_by: str) -> Any:
    """Return what belongs to an API and goes with it, read with all APIs of a list at once."""
    return Relationship(
        cascade_delete=True, passive_deletes=True, sa_relationship_kwargs={"lazy": "selectin", "order_by": order_by}
    )


class Api(Versioned, Tenanted, table=True):
    """A WebSocket API.

    `context_key` and `route_key` are the context, and the context with the version, in lower case: what differs by case
    alone is the same. `thumbnail` is the media type of the picture, where there is one.
    """

    __tablename__ = "api"
    __table_args__ = (
        UniqueConstraint("route_key"),
        UniqueConstraint("name", "version", "organisation"),
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("visibility IN ('public', 'restricted')", name="visibility"),
        Index(
            "uq_api_default_version",
            "context_key",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: str = Field(primary_key=True)
    name: str
    context: str = Field(index=True)
    version: str
    context_key: str = Field(index=True)
    route_key: str
    is_default: bool = False
    state: str
    pending_action: str | None = None
    """What an administrator is to approve: a step of its life."""

    description: str = ""
    endpoints: Endpoints = Field(sa_type=AsJson(Endpoints))
    api_policy_id: str | None = Field(default=None, foreign_key="policy.id", index=True)
    anonymous_policy_id: str | None = Field(default=None, foreign_key="policy.id", index=True)
    auth: Auth = Field(sa_type=AsJson(Auth))
    paths: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON)
    visibility: str = "public"
    origins: list[str] = Field(default_factory=list, sa_type=JSON)
    max_message_bytes: MessageSizes = Field(sa_type=AsJson(MessageSizes))
    validation: dict[str, OnInvalid] = Field(default_factory=lambda: dict(UNCHECKED), sa_type=JSON)
    mocked: list[Environment] = Field(default_factory=list, sa_type=JSON)  # what has no backend
    idle_timeout_seconds: int | None = None
    max_connection_age_seconds: int | None = None
    ping_interval_seconds: int | None = None
    close_at_expiry: bool = True
    expiry_grace_seconds: int = 0
    set_headers: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    forward_cookies: bool = False
    backend_assertion: bool = False
    ca_certificate: str | None = Field(default=None, sa_type=Text)
    sealed_client_certificate: str | None = Field(default=None, sa_type=Text, repr=False)
    sealed_backend_credentials: str | None = Field(default=None, sa_type=Text, repr=False)
    business_owner: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    technical_owner: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    thumbnail: str | None = None
    owner: str = Field(index=True)
    created_at: datetime = Field(index=True)
    updated_at: datetime = Field(index=True)

    tags: list[ApiTag] = _links("ApiTag.tag")
    categories: list[ApiCategory] = _links("ApiCategory.category")
    properties: list[ApiProperty] = _links("ApiProperty.name")
    maintainers: list[ApiMaintainer] = _links("ApiMaintainer.role")
    roles: list[ApiRole] = _links("ApiRole.role")
    issuers: list[ApiIssuer] = _links("ApiIssuer.issuer")
    environments: list[ApiEnvironment] = _links("ApiEnvironment.environment")
    path_policies: list[ApiPathPolicy] = Relationship(cascade_delete=True, passive_deletes=True)
    policies: list[ApiPolicy] = _links("ApiPolicy.policy_id")


class LifecycleEvent(SQLModel, table=True):
    """One step of an API's life."""

    __tablename__ = "lifecycle_event"

    id: int | None = Field(default=None, primary_key=True)
    api_id: str = Field(foreign_key="api.id", ondelete="CASCADE", index=True)
    action: str
    from_state: str
    to_state: str
    reason: str | None = None
    actor: str
    at: datetime
