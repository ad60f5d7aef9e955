"""Access tokens as both planes read them: JWTs after RFC 9068."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from shared.contract import Contract
from shared.subscription import ClientId

TokenId = NewType("TokenId", str)

GATEWAY_AUDIENCE = "urn:framegate:gateway"
MANAGEMENT_AUDIENCE = "urn:framegate:management"
ALGORITHMS = ("ES256", "RS256", "Ed25519")
"""One for each type of key, so that a token's algorithm is always that of its key."""

MAX_TOKEN_BYTES = 8192


class IssuerDefinition(Contract):
    """Whose tokens the pods accept: the issuer's URL and its public keys as JWKs.

    `sealed_assertion_key` is a private JWK that pods sign assertions for backends with; its public half is never among
    `keys`, so that nobody makes access tokens with it. It can be read with the key at `keys.CATALOGUE_KEY`.
    """

    issuer: str
    keys: tuple[Mapping[str, Any], ...]
    sealed_assertion_key: str | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        """Refuse keys that can't be read: a pod would find out in the midst of everything else."""
        try:
            KeySet.import_key_set({"keys": [dict(key) for key in self.keys]})
        except (JoseError, TypeError, KeyError) as error:
            raise ValueError(f"a key can't be read: {error}") from error
        return self


class AccessClaims(Contract):
    """The claims of RFC 9068, section 2.2, that Framegate decides by."""

    iss: str
    sub: str
    aud: str
    client_id: ClientId
    jti: TokenId
    iat: int
    exp: int
    nbf: int = 0
    scope: str = ""
    cnf: Mapping[str, Any] | None = Field(default=None)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.scope.split())


class InvalidTokenError(Exception):
    """A token that must be refused."""


class ExpiredTokenError(InvalidTokenError):
    """A token that was good once."""


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Checks tokens of one issuer for one audience.

    `leeway_seconds` forgives that much difference between the clocks.
    """

    issuer: str
    audience: str
    keys: KeySet
    leeway_seconds: int = 5

    def verify(self, token: str, now: float, bound_to: str | None = None) -> AccessClaims:
        """Return the claims of a valid access token. Raises `InvalidTokenError`."""
        claims = self.read(token)
        self.check(claims, now, bound_to)
        return claims

    def read(self, token: str) -> AccessClaims:
        """Return the claims of an access token that was signed by one of the keys. Raises `InvalidTokenError`."""
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidTokenError("the token is too long")
        try:
            # RFC 8725, 3.1: the algorithms are ours, never the token's choice.
            decoded = jwt.decode(token, self.keys, algorithms=list(ALGORITHMS), registry=_REGISTRY)
        except (JoseError, ValueError, TypeError, RecursionError) as error:  # a header may hold anything
            raise InvalidTokenError("the signature does not verify") from error
        # RFC 9068, section 4: anything but an access token is refused.
        if str(decoded.header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise InvalidTokenError("not an access token")
        try:
            return _CLAIMS.validate_python(decoded.claims)
        except ValidationError as error:
            raise InvalidTokenError("claims are missing or malformed") from error

    def check(self, claims: AccessClaims, now: float, bound_to: str | None = None) -> None:
        """Check the claims of a token whose signature is known to be good. Raises `InvalidTokenError`.

        `bound_to` is the thumbprint of the key that its bearer proved to hold: without a proof no bound token is good.
        """
        if claims.iss != self.issuer:
            raise InvalidTokenError("another issuer")
        if claims.aud != self.audience:
            raise InvalidTokenError("meant for another audience")
        if bound_to is not None and claims.cnf is None:
            raise InvalidTokenError("not bound to a key")
        if claims.cnf is not None and (bound_to is None or dict(claims.cnf) != {"jkt": bound_to}):
            raise InvalidTokenError("bound to a key that was not proven")
        if claims.exp <= now - self.leeway_seconds:
            raise ExpiredTokenError("expired")
        if max(claims.iat, claims.nbf) > now + self.leeway_seconds:
            raise InvalidTokenError("not valid yet")


def peek_issuer(token: str) -> str:
    """Return who a token says issued it, unverified: to choose the keys by. Raises `InvalidTokenError`."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidTokenError("the token is too long")
    try:
        payload = json.loads(urlsafe_b64decode(token.split(".")[1].encode()))
        return str(payload["iss"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidTokenError("not a JWT") from error


_CLAIMS = TypeAdapter(AccessClaims)
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS))
