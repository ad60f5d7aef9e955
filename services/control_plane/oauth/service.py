import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import hash_secret, matches, new_secret
from services.control_plane.oauth import repository
from services.control_plane.oauth.models import OAuthClient

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path
VERIFICATION_PATH: Final = "/device"

CLIENT_CREDENTIALS: Final = "client_credentials"
AUTHORIZATION_CODE: Final = "authorization_code"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - a name
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
SUPPORTED_GRANT_TYPES: Final = (CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN, JWT_BEARER, DEVICE_CODE)

# Compared with where there is no such client or secret, so that both take as long. Nothing that is sent can match it.
_NOBODY: Final = hash_secret(new_secret())


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client with its secret, which can't be read again."""

    client: OAuthClient
    secret: str


class ClientService:
    """Makes, changes and recognises clients."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def create(
        self,
        session: Session,
        *,
        audience: str,
        scopes: Sequence[str],
        validity_seconds: int,
        grant_types: Sequence[str] = (CLIENT_CREDENTIALS,),
        redirect_uris: Sequence[str] = (),
        jwks: Mapping[str, Any] | None = None,
        client_id: str | None = None,
        secret: str | None = None,
        public: bool = False,
    ) -> NewClient:
        """Make a client, with an id and secret of ours unless they are given."""
        secret = secret or new_secret()
        client = OAuthClient(
            id=client_id or secrets.token_hex(16),
            secret_hash=hash_secret(secret),
            public=public,
            audience=audience,
            scopes=list(scopes),
            grant_types=list(grant_types),
            redirect_uris=list(redirect_uris),
            jwks=dict(jwks) if jwks else None,
            token_validity_seconds=validity_seconds,
            created_at=self._clock(),
        )
        repository.add_client(session, client)
        repository.note_validity(session, validity_seconds)
        return NewClient(client, secret)

    def configure(
        self,
        session: Session,
        client: OAuthClient,
        *,
        scopes: Sequence[str],
        grant_types: Sequence[str],
        redirect_uris: Sequence[str],
        jwks: Mapping[str, Any] | None,
        validity_seconds: int,
    ) -> None:
        """Change what a client may get."""
        client.scopes = list(scopes)
        client.grant_types = list(grant_types)
        client.redirect_uris = list(redirect_uris)
        client.jwks = dict(jwks) if jwks else None
        client.token_validity_seconds = validity_seconds
        repository.note_validity(session, validity_seconds)

    def authenticate(self, session: Session, client_id: str, secret: str) -> OAuthClient | None:
        """Return the client that has this secret, or None for whatever reason."""
        client = repository.find_client(session, client_id)
        current = matches(secret, client.secret_hash if client else _NOBODY)
        previous = matches(secret, self._previous_hash(client))
        usable = client is not None and not (client.disabled or client.jwks or client.public)
        return client if usable and (current or previous) else None

    def find_public(self, session: Session, client_id: str) -> OAuthClient | None:
        """Return a client that proves itself with nothing: what it may do hangs on a person and on PKCE."""
        client = repository.find_client(session, client_id)
        return client if client is not None and client.public and not client.disabled else None

    def replace_secret(self, client: OAuthClient, overlap: timedelta) -> str:
        """Give a client a new secret; the old one goes on for a while, or stops at once."""
        secret = new_secret()
        client.previous_secret_hash = client.secret_hash if overlap else None
        client.previous_secret_expires_at = self._clock() + overlap if overlap else None
        client.secret_hash = hash_secret(secret)
        return secret

    def set_secret(self, client: OAuthClient, secret: str) -> None:
        """Let a client have this secret, and no other."""
        client.secret_hash = hash_secret(secret)
        client.previous_secret_hash = client.previous_secret_expires_at = None

    def _previous_hash(self, client: OAuthClient | None) -> str:
        if client is None or client.previous_secret_hash is None or client.previous_secret_expires_at is None:
            return _NOBODY
        return client.previous_secret_hash if self._clock() < client.previous_secret_expires_at else _NOBODY
