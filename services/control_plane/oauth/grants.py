"""What people allowed clients: codes, tokens that refresh, and the tokens that these led to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import delete
from sqlmodel import Session, col, select

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.rows import delete_until
from services.control_plane.kit.security import hash_secret, new_id, new_secret
from services.control_plane.oauth.models import (
    AuthorizationCode,
    DeviceCode,
    IssuedToken,
    OAuthClient,
    OAuthGrant,
    RefreshToken,
)
from services.control_plane.oauth.revocation import Revocations
from services.control_plane.oauth.tokens import NewToken, TokenIssuer

CODE_VALIDITY: Final = timedelta(seconds=60)
REFRESH_VALIDITY: Final = timedelta(days=30)

TOKENS_KEPT_FOR: Final = REFRESH_VALIDITY
GRANTS_KEPT_FOR: Final = timedelta(days=1)
"""After they have expired: an API may let connections outlive their token, and they end with the grant, too."""

OnceOnly = TypeVar("OnceOnly", AuthorizationCode, RefreshToken)


@dataclass(frozen=True, slots=True)
class GrantService:
    """Every use locks its grant: so of two that race with one code or token, one comes second."""

    issuer: TokenIssuer
    revocations: Revocations
    clock: Clock

    def begin(
        self, session: Session, client: OAuthClient, subject: str, scopes: Sequence[str], code: AuthorizationCode
    ) -> None:
        """Keep a grant with the code that leads to it."""
        self._add(session, code.grant_id, client.id, subject, scopes, code.expires_at)
        session.add(code)

    def begin_for_device(self, session: Session, code: DeviceCode) -> OAuthGrant:
        """Keep a grant that somebody gave to a device."""
        return self._add(session, new_id(), code.client_id, code.subject or "", code.scopes, code.expires_at)

    def take_code(self, session: Session, code: str, client_id: str) -> tuple[OAuthGrant, AuthorizationCode] | None:
        """Return a client's code that is good. One that was used already ends all that it led to."""
        return self._take(session, session.get(AuthorizationCode, hash_secret(code)), client_id)

    def take_refresh_token(
        self, session: Session, token: str, client_id: str
    ) -> tuple[OAuthGrant, RefreshToken] | None:
        """Return a client's token that is good. One that was used already ends all that its grant led to."""
        return self._take(session, session.get(RefreshToken, hash_secret(token)), client_id)

    def find_refresh_token(self, session: Session, token: str) -> tuple[OAuthGrant, RefreshToken] | None:
        """Return a token that refreshes, good or not."""
        row = session.get(RefreshToken, hash_secret(token))
        return (session.get_one(OAuthGrant, row.grant_id), row) if row else None

    def issue(
        self,
        session: Session,
        client: OAuthClient,
        grant: OAuthGrant,
        scopes: Sequence[str],
        thumbprint: str | None = None,
    ) -> NewToken:
        token = self.issuer.issue(client, scopes, subject=grant.subject, thumbprint=thumbprint)
        session.add(IssuedToken(jti=token.id, grant_id=grant.id, expires_at=token.expires_at))
        self._extend(grant, token.expires_at)
        return token

    def new_refresh_token(self, session: Session, grant: OAuthGrant, thumbprint: str | None = None) -> str:
        """Return a token that refreshes: for whoever proves to hold a key, where its thumbprint is given."""
        token, expires_at = new_secret(), self.clock() + REFRESH_VALIDITY
        row = RefreshToken(
            token_hash=hash_secret(token), grant_id=grant.id, expires_at=expires_at, thumbprint=thumbprint
        )
        session.add(row)
        self._extend(grant, expires_at)
        return token

    def revoke(self, session: Session, grant_id: str) -> None:
        """End a grant with all that it led to."""
        grant = session.get(OAuthGrant, grant_id, with_for_update=True, populate_existing=True)
        if grant is None:
            return
        for token in session.exec(select(IssuedToken).where(IssuedToken.grant_id == grant_id)):
            self.revocations.add(session, token.jti, grant.client_id, token.expires_at)
        session.execute(delete(OAuthGrant).where(col(OAuthGrant.id) == grant_id))

    def revoke_subject(self, session: Session, subject: str) -> None:
        """End all that somebody allowed."""
        for grant_id in session.exec(select(OAuthGrant.id).where(OAuthGrant.subject == subject)).all():
            self.revoke(session, grant_id)
        session.execute(delete(DeviceCode).where(col(DeviceCode.subject) == subject))

    def sweep(self, session: Session) -> bool:
        """Forget some of what has expired, and tell whether there may be more."""
        now = self.clock()
        expired = (
            (OAuthGrant.expires_at, now - GRANTS_KEPT_FOR),  # with all that hangs on it
            (RefreshToken.expires_at, now),
            (IssuedToken.expires_at, now - TOKENS_KEPT_FOR),
        )
        return any(delete_until(session, column, until) for column, until in expired)

    def _add(
        self, session: Session, id_: str, client_id: str, subject: str, scopes: Sequence[str], expires_at: datetime
    ) -> OAuthGrant:
        grant = OAuthGrant(
            id=id_,
            client_id=client_id,
            subject=subject,
            scopes=list(scopes),
            created_at=self.clock(),
            expires_at=expires_at,
        )
        session.add(grant)
        session.flush()
        return grant

    def _take(self, session: Session, row: OnceOnly | None, client_id: str) -> tuple[OAuthGrant, OnceOnly] | None:
        grant = self._lock(session, row.grant_id, client_id) if row else None
        if row is None or grant is None:
            return None
        session.refresh(row)
        if row.used_at is not None:
            self.revoke(session, row.grant_id)
            return None
        return (grant, row) if row.expires_at > self.clock() else None

    def _lock(self, session: Session, grant_id: str, client_id: str) -> OAuthGrant | None:
        grant = session.get(OAuthGrant, grant_id, with_for_update=True, populate_existing=True)
        return grant if grant is not None and grant.client_id == client_id else None

    def _extend(self, grant: OAuthGrant, until: datetime) -> None:
        grant.expires_at = max(grant.expires_at, until)


def new_code(code: str, redirect_uri: str, challenge: str, now: datetime) -> AuthorizationCode:
    """Return a code as it is stored, for a grant that is to be made."""
    return AuthorizationCode(
        code_hash=hash_secret(code),
        grant_id=new_id(),
        redirect_uri=redirect_uri,
        code_challenge=challenge,
        expires_at=now + CODE_VALIDITY,
    )
