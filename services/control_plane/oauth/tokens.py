"""Access tokens: JWTs after RFC 9068."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from joserfc import jwt
from joserfc.jwk import KeySet

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import new_id
from services.control_plane.oauth.keyring import Key
from services.control_plane.oauth.models import OAuthClient
from shared.claims import AccessClaims, InvalidTokenError, TokenVerifier


@dataclass(frozen=True, slots=True)
class NewToken:
    id: str
    access_token: str
    expires_at: datetime
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - the type's name


class SigningKeys(Protocol):
    @property
    def current(self) -> Key:
        """The key to sign with now."""


class PublicKeys(Protocol):
    @property
    def public(self) -> KeySet:
        """The keys that verify."""


class TokenReader:
    """Recognises the issuer's own tokens, for whomever they are and whether they are still good or not."""

    def __init__(self, issuer: str, keys: PublicKeys) -> None:
        self._issuer = issuer
        self._keys = keys

    def read(self, token: str) -> AccessClaims | None:
        """Return the claims of a token that the issuer signed."""
        try:
            claims = TokenVerifier(self._issuer, "", self._keys.public).read(token)
        except InvalidTokenError:
            return None
        return claims if claims.iss == self._issuer else None


class TokenIssuer:
    """Signs tokens in the name of one issuer."""

    def __init__(self, issuer: str, keys: SigningKeys, clock: Clock) -> None:
        self.issuer = issuer
        self._keys = keys
        self._clock = clock

    def issue(
        self,
        client: OAuthClient,
        scopes: Collection[str],
        validity_seconds: int | None = None,
        subject: str | None = None,
        thumbprint: str | None = None,
    ) -> NewToken:
        """Return a token for somebody, or for the client itself. It must be known that it may have these scopes.

        A token with the thumbprint of a key is good only for who proves to hold it (RFC 9449, section 6.1).
        """
        lifetime = validity_seconds or client.token_validity_seconds
        scope = " ".join(scopes)
        claims = self._claims(client, subject or client.id, scope, lifetime)
        if thumbprint is not None:
            claims["cnf"] = {"jkt": thumbprint}
        key = self._keys.current
        algorithm = str(key.alg)  # a key signs in one way alone
        header = {"alg": algorithm, "typ": "at+jwt", "kid": key.kid}
        token = jwt.encode(header, claims, key, [algorithm])
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        return NewToken(claims["jti"], token, expires_at, lifetime, scope, "DPoP" if thumbprint else "Bearer")

    def _claims(self, client: OAuthClient, subject: str, scope: str, lifetime: int) -> dict[str, Any]:
        """Return the claims of RFC 9068, section 2.2."""
        now = int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": client.audience,
            "client_id": client.id,
            "jti": new_id(),
            "iat": now,
            "exp": now + lifetime,
        }
        return {**claims, "scope": scope} if scope else claims
