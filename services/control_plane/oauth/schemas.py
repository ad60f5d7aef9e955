from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class Jwks(BaseModel):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class ServerMetadata(BaseModel):
    """RFC 8414, section 2: only what is on."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]


class TokenRead(BaseModel):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str = ""


class SigningKeyRead(BaseModel):
    """A signing key, never its private half."""

    kid: str
    algorithm: str
    state: Literal["next", "current", "retired"]
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    expires_at: datetime | None


class SigningKeysRead(BaseModel):
    items: list[SigningKeyRead]
