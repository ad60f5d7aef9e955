import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
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

from services.control_plane.kit.approvals import Waiting
from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Description, Id, Name, ScopeToken, Word, refuse_controls
from services.control_plane.oauth.schemas import TokenRead
from services.control_plane.oauth.service import JWT_BEARER
from services.control_plane.publisher.metadata_schemas import ContactBody
from services.control_plane.store.feedback_schemas import RatingRead
from services.control_plane.throttling.builtin import UNLIMITED
from shared.definition import KeyType, State
from shared.limits import Direction, Level, Unit
from shared.public_keys import check_public_keys
from shared.subscription import SubscriptionState

MIN_VALIDITY_SECONDS: Final = 5
MAX_VALIDITY_SECONDS: Final = 365 * 24 * 3600
MAX_OVERLAP_SECONDS: Final = 30 * 24 * 3600

_STRICT: Final = ConfigDict(extra="forbid")


_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")


def check_callback_url(value: str) -> str:
    """Return a redirection URI as it is: absolute, without a fragment (RFC 6749, section 3.1.2)."""
    refuse_controls(value)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc) or "#" in value:
        raise ValueError("must be an http(s) URL without credentials or fragment")
    return value


def check_grant_types(types: list[str]) -> list[str]:
    """Return grant types, each once."""
    if "refresh_token" in types and "authorization_code" not in types:
        raise ValueError("refresh_token needs authorization_code")
    return list(dict.fromkeys(types))


CallbackUrl = Annotated[str, StringConstraints(max_length=2000), AfterValidator(check_callback_url)]
Validity = Annotated[int, Field(ge=MIN_VALIDITY_SECONDS, le=MAX_VALIDITY_SECONDS)]
Scopes = Annotated[list[ScopeToken], Field(max_length=50)]
GrantType = Literal[
    "client_credentials", "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"
]


class StoreEnvironmentRead(BaseModel):
    """Pods that serve an API, and where they are called."""

    name: str
    description: str
    urls: list[str]


class StoreApiRead(BaseModel):
    """An API as subscribers see it: where to call it, and never where it leads."""

    id: str
    name: str
    context: str
    version: str
    default: bool
    description: str
    tags: list[str]
    categories: list[str]
    business_owner: ContactBody | None
    technical_owner: ContactBody | None
    properties: dict[str, str]
    thumbnail: bool
    state: State
    policies: list[str]
    auth_types: list[str]
    scopes: list[str]
    issuers: list[str]
    visibility: str
    gateway_urls: list[str]
    environments: list[StoreEnvironmentRead]
    rating: RatingRead = RatingRead()
    created_at: datetime
    updated_at: datetime


class SnippetLanguage(BaseModel):
    language: str
    title: str


class SnippetRead(SnippetLanguage):
    """A client to start from."""

    text: str


class TagRead(BaseModel):
    name: str
    apis: int


class ApplicationWrite(WriteBody):
    read_only = WriteBody.read_only | {"state"}

    name: Name
    description: Description = ""
    policy: Word = UNLIMITED


class ApplicationRead(BaseModel):
    """An application. While its `state` is not ACTIVE it gets no keys: an administrator must approve it."""

    id: str
    name: str
    description: str
    policy: str
    state: Literal["ACTIVE"] | Waiting
    created_at: datetime
    updated_at: datetime


class KeyWrite(BaseModel):
    """What can be changed of a key."""

    model_config = _STRICT

    callback_urls: Annotated[list[CallbackUrl], Field(max_length=20)] = []
    grant_types: Annotated[list[GrantType], Field(min_length=1, max_length=10), AfterValidator(check_grant_types)] = [
        "client_credentials"
    ]
    validity_seconds: Validity = 3600
    scopes: Scopes = []
    jwks: Annotated[dict[str, Any], AfterValidator(check_public_keys)] | None = None

    @model_validator(mode="after")
    def _check_needs(self) -> Self:
        if JWT_BEARER in self.grant_types and not self.jwks:
            raise ValueError("jwt-bearer needs jwks")
        if "authorization_code" in self.grant_types and not self.callback_urls:
            raise ValueError("authorization_code needs callback_urls")
        return self


class KeyCreate(KeyWrite):
    key_type: KeyType


class KeyRead(BaseModel):
    key_type: KeyType
    consumer_key: str
    callback_urls: list[str]
    jwks: dict[str, Any] | None
    grant_types: list[str]
    validity_seconds: int
    scopes: list[str]
    created_at: datetime
    updated_at: datetime


class KeyCreated(KeyRead):
    """A new key with its secret, which is shown this once, and a first token."""

    consumer_secret: str
    token: TokenRead


class SecretRegenerate(BaseModel):
    model_config = _STRICT

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = 0


class ConsumerSecretRead(BaseModel):
    consumer_key: str
    consumer_secret: str


class TokenCreate(BaseModel):
    model_config = _STRICT

    scopes: Scopes | None = None
    validity_seconds: Validity | None = None


class SubscriptionCreate(BaseModel):
    model_config = _STRICT

    application_id: Id
    api_id: Id
    policy: Word


class SubscriptionPatch(BaseModel):
    """Another policy, another version of the API, or both."""

    model_config = _STRICT

    policy: Word | None = None
    api_id: Id | None = None

    @model_validator(mode="after")
    def _check_something(self) -> Self:
        if self.policy is None and self.api_id is None:
            raise ValueError("needs policy or api_id")
        return self


class SubscriptionsMove(BaseModel):
    model_config = _STRICT

    to: Id


class SubscriptionsMoved(BaseModel):
    """How many went on, and how many ended because their application had the other version already."""

    moved: int
    ended: int


class SubscriptionRead(BaseModel):
    """A subscription. PENDING and REJECTED give no right; `pending_policy` waits for an approval in the same way."""

    id: str
    application_id: str
    api_id: str
    policy: str
    pending_policy: str | None
    state: SubscriptionState | Waiting
    created_at: datetime
    updated_at: datetime


class TicketCreate(BaseModel):
    """What to connect to, and, as a subscriber, with what application of one's own."""

    model_config = _STRICT

    api_id: Id
    application_id: Id | None = None
    key_type: Annotated[KeyType | None, Field(validate_default=True)] = None

    @field_validator("key_type")
    @classmethod
    def _check_pair(cls, value: KeyType | None, info: ValidationInfo) -> KeyType | None:
        if "application_id" in info.data and (value is None) != (info.data["application_id"] is None):
            raise ValueError("goes with application_id: both, or neither with an application's own token")
        return value


class TicketCreated(BaseModel):
    ticket: str
    expires_in: int


class QuotaRead(BaseModel):
    """One limit and what is spent of it. What pods hold to spend soon counts as used."""

    level: Level
    subject: dict[str, str]
    policy: str
    unit: Unit
    direction: Direction
    amount: int
    window_seconds: int
    used: int
    left: int
    resets_in_ms: int


class QuotasRead(BaseModel):
    items: list[QuotaRead]


class SubscriptionBlock(BaseModel):
    model_config = _STRICT

    scope: Literal["all", "production"] = "all"
