"""Access tokens: JWTs after RFC 9068."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from joserfc import jwt

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import new_id
from services.control_plane.oauth.keyring import ALGORITHM, KeyRing
from services.control_plane.oauth.models import OAuthClient


@dataclass(frozen=True, slots=True)
class IssuedToken:
    access_token: str
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - the type's name


class TokenIssuer:
    """Signs tokens in the name of one issuer."""

    def __init__(self, issuer: str, keyring: KeyRing, clock: Clock) -> None:
        self.issuer = issuer
        self._keyring = keyring
        self._clock = clock

    def issue(self, client: OAuthClient, scopes: Collection[str], validity_seconds: int | None = None) -> IssuedToken:
        """Return a token for the client itself. It must have been checked that the client may have these scopes."""
        lifetime = validity_seconds or client.token_validity_seconds
        scope = " ".join(scopes)
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": self._keyring.current.kid}
        token = jwt.encode(header, self._claims(client, scope, lifetime), self._keyring.current, [ALGORITHM])
        return IssuedToken(token, lifetime, scope)

    def _claims(self, client: OAuthClient, scope: str, lifetime: int) -> dict[str, Any]:
        """Return the claims of RFC 9068, section 2.2."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": client.id,
            "aud": client.audience,
            "client_id": client.id,
            "jti": new_id(),
            "iat": now,
            "exp": now + lifetime,
        }
        return {**claims, "scope": scope} if scope else claims
