from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.control_plane.kit.schemas import WriteBody
from services.control_plane.kit.text import Word, refuse_controls
from services.control_plane.publisher.backend_schemas import Kept, OrKept


def check_web_url(value: str) -> str:
    """Return a URL as it is. Raises `ValueError`."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
        raise ValueError("must be an https:// URL")
    if "@" in parts.netloc or "#" in value or not value.isascii() or any(char in value for char in ' "<>\\^`{|}'):
        raise ValueError("must be percent-encoded, without credentials or fragment")
    return value


def check_issuer(value: str) -> str:
    if "?" in value:
        raise ValueError("must have no query (OpenID Connect Discovery, section 3)")
    return value


WebUrl = Annotated[
    str, StringConstraints(max_length=1000), AfterValidator(refuse_controls), AfterValidator(check_web_url)
]
IssuerUrl = Annotated[WebUrl, AfterValidator(check_issuer)]
Audience = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(refuse_controls)]
ClientPart = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(refuse_controls)]
ClaimName = Annotated[str, StringConstraints(pattern=r"^[!-~]+$", max_length=200)]


class IntrospectionBody(BaseModel):
    """Where opaque tokens are asked about (RFC 7662), and as which client. `true` keeps the secret that is set."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: WebUrl
    client_id: ClientPart
    client_secret: Annotated[OrKept[ClientPart], Field(repr=False)]


class IssuerIntrospectionRead(BaseModel):
    url: str
    client_id: str
    client_secret: Kept


class IssuerWrite(WriteBody):
    """What is said of an issuer. `issuer` is its URL, which stays; its discovery document stands in for `jwks_uri`."""

    read_only = WriteBody.read_only | {"name", "key_ids", "checked_at", "fetched_at", "failure"}

    issuer: IssuerUrl
    audience: Audience
    application_claim: ClaimName | None = None
    jwks_uri: WebUrl | None = None
    introspection: IntrospectionBody | None = None


class IssuerCreate(IssuerWrite):
    read_only = IssuerWrite.read_only - {"name"}

    name: Word


class IssuerRead(BaseModel):
    """An issuer, and how it is with its keys."""

    name: str
    issuer: str
    audience: str
    application_claim: str | None
    jwks_uri: str | None
    introspection: IssuerIntrospectionRead | None
    key_ids: list[str | None]
    checked_at: datetime
    fetched_at: datetime
    failure: str | None
    created_at: datetime
    updated_at: datetime
