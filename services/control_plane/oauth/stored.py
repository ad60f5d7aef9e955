"""Tokens that came back to us, as Authlib's endpoints look at them."""

from datetime import UTC, datetime
from typing import Any, Protocol

from sqlmodel import Session

from services.control_plane.oauth import repository
from services.control_plane.oauth.clients import GrantClient
from services.control_plane.oauth.grants import GrantService
from services.control_plane.oauth.models import OAuthGrant, RefreshToken
from services.control_plane.oauth.revocation import Revocations
from shared.claims import AccessClaims


class StoredToken(Protocol):
    """A token that is ours by its signature or its hash."""

    def check_client(self, client: GrantClient) -> bool: ...

    def is_expired(self) -> bool: ...

    def is_revoked(self) -> bool: ...

    def revoke(self) -> None: ...

    def describe(self) -> dict[str, Any]:
        """Return what RFC 7662, section 2.2, says of it."""


class StoredAccessToken:
    """An access token: all but whether it was revoked stands in itself."""

    def __init__(self, session: Session, revocations: Revocations, claims: AccessClaims, now: datetime) -> None:
        self._session = session
        self._revocations = revocations
        self._claims = claims
        self._now = now

    def check_client(self, client: GrantClient) -> bool:
        return self._claims.client_id == client.row.id

    def is_expired(self) -> bool:
        return self._claims.exp <= self._now.timestamp()

    def is_revoked(self) -> bool:
        client = repository.find_client(self._session, self._claims.client_id)
        return client is None or client.disabled or self._revocations.contains(self._session, self._claims.jti)

    def revoke(self) -> None:
        expires_at = datetime.fromtimestamp(self._claims.exp, UTC)
        self._revocations.add(self._session, self._claims.jti, self._claims.client_id, expires_at)

    def describe(self) -> dict[str, Any]:
        kind = "DPoP" if self._claims.cnf else "Bearer"
        return {"active": True, "token_type": kind, **self._claims.model_dump(exclude={"nbf"}, exclude_none=True)}


class StoredRefreshToken:
    """A token that refreshes. It ends with all that its grant led to."""

    def __init__(
        self, session: Session, grants: GrantService, grant: OAuthGrant, token: RefreshToken, now: datetime
    ) -> None:
        self._session = session
        self._grants = grants
        self._grant = grant
        self._token = token
        self._now = now

    def check_client(self, client: GrantClient) -> bool:
        return self._grant.client_id == client.row.id

    def is_expired(self) -> bool:
        return self._token.expires_at <= self._now

    def is_revoked(self) -> bool:
        return self._token.used_at is not None

    def revoke(self) -> None:
        self._grants.revoke(self._session, self._grant.id)

    def describe(self) -> dict[str, Any]:
        described = {"client_id": self._grant.client_id, "sub": self._grant.subject}
        times = {"exp": int(self._token.expires_at.timestamp())}
        return {"active": True, "scope": " ".join(self._grant.scopes), **described, **times}
