import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Name, ScopeToken, Word, refuse_controls
from services.control_plane.publisher.backend_schemas import (
    BackendCredentialsBody,
    CaCertificate,
    ClientCertificate,
    Kept,
    OrKept,
    SetHeaders,
)
from services.control_plane.publisher.lifecycle import Action
from services.control_plane.publisher.metadata_schemas import Categories, ContactBody, Properties
from services.control_plane.publisher.models import Environment
from services.control_plane.publisher.path_schemas import PathBody, Paths
from shared.definition import AuthType, Balance, Endpoints, State
from shared.validation import MAX_CHECKED_BYTES, OnInvalid

MAX_MESSAGE_BYTES: Final = 1 << 30
MAX_IDLE_SECONDS: Final = 24 * 3600
MIN_AGE_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 30 * 24 * 3600
MAX_PING_SECONDS: Final = 3600
MAX_HEALTH_CHECK_SECONDS: Final = 3600
MAX_GRACE_SECONDS: Final = 24 * 3600

_CONTEXT: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_ORIGIN: Final = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:.]+\](:\d{1,5})?|\*")
_STRICT: Final = ConfigDict(extra="forbid")


def check_context(value: str) -> str:
    if not _CONTEXT.fullmatch(value):
        raise ValueError("must be a path such as /echo: segments of letters, digits and . _ ~ -, no slash at the end")
    if any(segment in (".", "..") for segment in value.split("/")):
        raise ValueError("must not have dot segments")
    return value


def check_version(value: str) -> str:
    if value in (".", ".."):
        raise ValueError("must not be a dot segment")
    return value


def check_endpoint_url(value: str) -> str:
    """Return a backend's URL as it is. Raises `ValueError` that says what is wrong with it."""
    refuse_controls(value)
    parts = urlsplit(value)
    if parts.scheme not in ("ws", "wss"):
        raise ValueError("must be a ws:// or wss:// URL")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("must not hold credentials")
    if parts.fragment or "#" in value:
        raise ValueError("must not have a fragment (RFC 6455, section 3)")
    host = parts.netloc[: -len(f":{parts.port}")] if parts.port is not None else parts.netloc.removesuffix(":")
    if not _HOST.fullmatch(host):
        raise ValueError("must name a host")
    if parts.port == 0:
        raise ValueError("must not have port 0")
    if not value.isascii() or any(char in value for char in ' "<>\\^`{|}'):
        raise ValueError("must be percent-encoded")
    return value


def check_origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("must be an origin such as https://app.example.com or https://*.example.com")
    return value


Context = Annotated[str, StringConstraints(max_length=200), AfterValidator(check_context)]
ApiVersion = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,30}$"), AfterValidator(check_version)]
EndpointUrl = Annotated[str, StringConstraints(max_length=2000), AfterValidator(check_endpoint_url)]
Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(check_origin)]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(refuse_controls)
]
Bytes = Annotated[int, Field(ge=0, le=MAX_MESSAGE_BYTES)]


class EndpointBody(BaseModel):
    model_config = _STRICT

    mock: bool = False
    urls: Annotated[list[EndpointUrl], Field(max_length=10, validate_default=True)] = []
    balance: Balance = "round_robin"
    health_check_seconds: Annotated[int, Field(gt=0, le=MAX_HEALTH_CHECK_SECONDS)] | None = None

    @field_validator("urls")
    @classmethod
    def _check_urls(cls, urls: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("mock") and urls:
            raise ValueError("must be empty beside mock: examples answer, and no backend")
        if not info.data.get("mock") and not urls:
            raise ValueError("must have a URL, or mock beside it be true")
        return urls


class EndpointsBody(BaseModel):
    model_config = _STRICT

    production: EndpointBody | None = None
    sandbox: EndpointBody | None = None

    def urls(self) -> Iterator[tuple[str, str]]:
        """Yield each URL with its field."""
        for environment, endpoint in (("production", self.production), ("sandbox", self.sandbox)):
            for index, url in enumerate(endpoint.urls if endpoint else ()):
                yield f"endpoints.{environment}.urls.{index}", url

    @property
    def mocked(self) -> list[Environment]:
        named: dict[Environment, EndpointBody | None] = {"production": self.production, "sandbox": self.sandbox}
        return [environment for environment, endpoint in named.items() if endpoint is not None and endpoint.mock]

    def contract(self) -> Endpoints:
        """Return the endpoints that have backends."""
        return Endpoints.model_validate(self.model_dump(exclude=set[str](self.mocked)))


class AuthBody(BaseModel):
    model_config = _STRICT

    types: Annotated[list[AuthType], Field(min_length=1, max_length=3)] = ["oauth2"]
    scopes: Annotated[list[ScopeToken], Field(max_length=50)] = []
    query: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "none" in self.types and (len(self.types) > 1 or self.scopes):
            raise ValueError("'none' stands alone, without scopes")
        if len(set(self.types)) < len(self.types):
            raise ValueError("a type is repeated")
        return self


class MessageSizesBody(BaseModel):
    model_config = _STRICT

    publish: Bytes = 0
    subscribe: Bytes = 0


class ValidationBody(BaseModel):
    """What happens to a message that its AsyncAPI document does not allow, by direction."""

    model_config = _STRICT

    publish: OnInvalid = "off"
    subscribe: OnInvalid = "off"


class ApiWrite(WriteBody):
    """An API as it is put. Where a secret is read as `true`, `true` keeps it."""

    read_only = WriteBody.read_only | {"state", "owner", "owner_name", "thumbnail"}

    name: Name
    context: Context
    version: ApiVersion
    default: bool = False
    description: Description = ""
    tags: Annotated[list[Tag], Field(max_length=30, default_factory=list)]
    categories: Annotated[Categories, Field(default_factory=list)]
    business_owner: ContactBody | None = None
    technical_owner: ContactBody | None = None
    properties: Annotated[Properties, Field(default_factory=dict)]
    maintainers: Annotated[list[Word], Field(max_length=30, default_factory=list)]
    endpoints: EndpointsBody = EndpointsBody()
    policies: Annotated[list[Word], Field(max_length=30, default_factory=list)]
    api_policy: Word | None = None
    anonymous_policy: Word | None = None
    auth: AuthBody = AuthBody()
    issuers: Annotated[list[Word], Field(max_length=10, default_factory=list)]
    paths: Annotated[Paths, Field(default_factory=list)]
    visibility: Literal["public", "restricted"] = "public"
    roles: Annotated[list[Word], Field(max_length=30, default_factory=list)]
    environments: Annotated[list[Word], Field(max_length=20, default_factory=list)]
    origins: Annotated[list[Origin], Field(max_length=50, default_factory=list)]
    max_message_bytes: MessageSizesBody = MessageSizesBody()
    validation: ValidationBody = ValidationBody()
    idle_timeout_seconds: Annotated[int, Field(gt=0, le=MAX_IDLE_SECONDS)] | None = None
    max_connection_age_seconds: Annotated[int, Field(ge=MIN_AGE_SECONDS, le=MAX_AGE_SECONDS)] | None = None
    ping_interval_seconds: Annotated[int, Field(gt=0, le=MAX_PING_SECONDS)] | None = 30
    close_at_expiry: bool = True
    expiry_grace_seconds: Annotated[int, Field(ge=0, le=MAX_GRACE_SECONDS)] = 0
    set_headers: Annotated[SetHeaders, Field(default_factory=dict)]
    forward_cookies: bool = False
    backend_assertion: bool = False
    ca_certificate: CaCertificate | None = None
    client_certificate: OrKept[ClientCertificate] | None = None
    backend_credentials: OrKept[BackendCredentialsBody] | None = None

    @field_validator("validation")
    @classmethod
    def _check_validation(cls, validation: ValidationBody, info: ValidationInfo) -> ValidationBody:
        sizes = info.data.get("max_message_bytes")
        for direction, action in validation.model_dump().items():
            if sizes is not None and action != "off" and not 0 < getattr(sizes, direction) <= MAX_CHECKED_BYTES:
                raise ValueError(f"needs max_message_bytes.{direction}, of {MAX_CHECKED_BYTES} at most")
        return validation

    @field_validator("issuers")
    @classmethod
    def _check_issuers(cls, issuers: list[str], info: ValidationInfo) -> list[str]:
        auth = info.data.get("auth")
        if issuers and auth is not None and "oauth2" not in auth.types:
            raise ValueError("an API without auth type 'oauth2' takes no tokens")
        return issuers

    @field_validator("backend_assertion")
    @classmethod
    def _check_assertion(cls, asked: bool, info: ValidationInfo) -> bool:
        auth = info.data.get("auth")
        if asked and auth is not None and "none" in auth.types:
            raise ValueError("an API without authentication has no caller to tell of")
        return asked

    @field_validator("paths")
    @classmethod
    def _check_paths(cls, paths: list[PathBody], info: ValidationInfo) -> list[PathBody]:
        auth = info.data.get("auth")
        if auth is not None and "none" in auth.types and any(path.scopes for path in paths):
            raise ValueError("an API without authentication asks for no scopes")
        return paths


class ApiRead(ApiWrite):
    """An API as it stands. Of secrets it says only that they are set."""

    read_only = frozenset()

    id: str
    state: State
    owner: str
    thumbnail: bool
    owner_name: str | None = None
    created_at: datetime
    updated_at: datetime
    ca_certificate: str | None = None
    client_certificate: Kept | None = None
    backend_credentials: Kept | None = None


class LifecycleChange(BaseModel):
    model_config = _STRICT

    action: Action
    require_resubscription: bool = True
    deprecate_older_versions: bool = False

    @model_validator(mode="after")
    def _check_publishing(self) -> Self:
        if self.action != "publish" and (not self.require_resubscription or self.deprecate_older_versions):
            raise ValueError("require_resubscription and deprecate_older_versions go with 'publish' alone")
        return self


class TransitionRead(BaseModel):
    action: Action
    to: State


class LifecycleEventRead(BaseModel):
    action: str
    from_state: str
    to_state: str
    reason: str | None
    actor: str
    at: datetime


class LifecycleRead(BaseModel):
    """Where an API is in its life. `pending` is a step that waits for an administrator's approval."""

    state: State
    pending: Action | None
    transitions: list[TransitionRead]
    history: list[LifecycleEventRead]


class VersionCreate(BaseModel):
    model_config = _STRICT

    version: ApiVersion
    default: bool = False


EndpointError = Literal[
    "connection_refused",
    "name_not_resolved",
    "address_forbidden",
    "tls_failed",
    "handshake_refused",
    "bad_accept",
    "timeout",
]


class EndpointTest(BaseModel):
    """What one endpoint answered. `status` is the HTTP status, where there was one."""

    environment: Literal["production", "sandbox"]
    url: str
    ok: bool
    status: int | None = None
    subprotocol: str | None = None
    latency_ms: float | None = None
    error: EndpointError | None = None
    detail: str | None = None


class EndpointTests(BaseModel):
    results: list[EndpointTest]
