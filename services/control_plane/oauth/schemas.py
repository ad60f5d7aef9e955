from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from services.control_plane.oauth.models import KeyPurpose


class Jwks(BaseModel):
    """A JWK Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class ServerMetadata(BaseModel):
    """RFC 8414, section 2: only what is on."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str
    device_authorization_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    dpop_signing_alg_values_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]


class TokenRead(BaseModel):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None = None
    scope: str = ""


class OAuthErrorRead(BaseModel):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str | None = None


class DeviceCodesRead(BaseModel):
    """RFC 8628, section 3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class IntrospectionRead(BaseModel):
    """RFC 7662, section 2.2. Of a token that is not good it says that alone."""

    active: bool
    token_type: str | None = None
    iss: str | None = None
    sub: str | None = None
    aud: str | None = None
    client_id: str | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None
    scope: str | None = None
    cnf: dict[str, Any] | None = None


class SigningKeyRead(BaseModel):
    """A signing key, never its private half."""

    kid: str
    purpose: KeyPurpose
    algorithm: str
    state: Literal["next", "current", "retired"]
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    expires_at: datetime | None


class SigningKeysRead(BaseModel):
    items: list[SigningKeyRead]
