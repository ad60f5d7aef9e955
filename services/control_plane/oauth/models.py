from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, CheckConstraint, Text
from sqlmodel import Field, SQLModel

from shared.claims import GATEWAY_AUDIENCE, MANAGEMENT_AUDIENCE

KeyPurpose = Literal["token", "assertion"]


class OAuthClient(SQLModel, table=True):
    """A client (RFC 6749, section 2.1), confidential as a rule. While secrets overlap it has two."""

    __tablename__ = "oauth_client"
    __table_args__ = (CheckConstraint(f"audience IN ('{GATEWAY_AUDIENCE}', '{MANAGEMENT_AUDIENCE}')", name="audience"),)

    id: str = Field(primary_key=True)
    secret_hash: str
    previous_secret_hash: str | None = None
    previous_secret_expires_at: datetime | None = None
    public: bool = False
    """Whether it has no secret that it could keep: a program on a person's machine."""

    audience: str
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    grant_types: list[str] = Field(default_factory=list, sa_type=JSON)
    redirect_uris: list[str] = Field(default_factory=list, sa_type=JSON)
    jwks: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """Public keys. A client that has some proves itself with them, and no secret of it counts."""

    token_validity_seconds: int
    registration_token_hash: str | None = None
    disabled: bool = False
    created_at: datetime


class SigningKey(SQLModel, table=True):
    """A key pair that tokens, or assertions of pods, are signed with. `id` is the `kid`; the private half is sealed.

    It is the next one, then the current one, then retired until the last token that it signed has expired.
    """

    __tablename__ = "signing_key"

    id: str = Field(primary_key=True)
    purpose: str
    """A `KeyPurpose`."""

    algorithm: str
    public_jwk: str = Field(sa_type=Text)
    sealed_private_jwk: str = Field(sa_type=Text)
    longest_validity_seconds: int
    """No token that it signs is valid for longer."""

    created_at: datetime
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    expires_at: datetime | None = None


class RevokedToken(SQLModel, table=True):
    """An access token that is good no more, until it would have expired. Not yet sent, the pods don't know it."""

    __tablename__ = "revoked_token"

    jti: str = Field(primary_key=True)
    client_id: str
    expires_at: datetime = Field(index=True)
    revoked_at: datetime
    sent_at: datetime | None = Field(default=None, index=True)


class OAuthGrant(SQLModel, table=True):
    """What a person allowed a client. It goes with all that hangs on it: codes, and tokens that refresh."""

    __tablename__ = "oauth_grant"

    id: str = Field(primary_key=True)
    client_id: str = Field(foreign_key="oauth_client.id", ondelete="CASCADE", index=True)
    subject: str = Field(index=True)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    created_at: datetime
    expires_at: datetime = Field(index=True)


class AuthorizationCode(SQLModel, table=True):
    """A code that is good once. It is kept when it was used, so that a second use is noticed."""

    __tablename__ = "authorization_code"

    code_hash: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="oauth_grant.id", ondelete="CASCADE", index=True)
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    used_at: datetime | None = None


class DeviceCode(SQLModel, table=True):
    """A device that waits for somebody's decision (RFC 8628), by the hashes of its codes."""

    __tablename__ = "device_code"

    code_hash: str = Field(primary_key=True)
    user_code_hash: str = Field(unique=True)
    client_id: str = Field(foreign_key="oauth_client.id", ondelete="CASCADE", index=True)
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    expires_at: datetime = Field(index=True)
    interval_seconds: int
    asked_at: datetime | None = None
    subject: str | None = Field(default=None, index=True)
    """Who allowed it."""

    denied: bool = False


class RefreshToken(SQLModel, table=True):
    """A token that is good once, for the next one."""

    __tablename__ = "refresh_token"

    token_hash: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="oauth_grant.id", ondelete="CASCADE", index=True)
    expires_at: datetime = Field(index=True)
    used_at: datetime | None = None
    thumbprint: str | None = None
    """Of the key that its holder must prove to have."""


class IssuedToken(SQLModel, table=True):
    """An access token that a grant led to, so that it can be revoked with it."""

    __tablename__ = "issued_token"

    jti: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="oauth_grant.id", ondelete="CASCADE", index=True)
    expires_at: datetime = Field(index=True)


class UsedAssertion(SQLModel, table=True):
    """An assertion or a proof that was good once, by the hash of who signed it and its `jti`."""

    __tablename__ = "used_assertion"

    id: str = Field(primary_key=True)
    expires_at: datetime = Field(index=True)
