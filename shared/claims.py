"""Access tokens as both planes read them: JWTs after RFC 9068."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NewType, Self

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
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

ACCESS_TOKEN_TYPES = ("at+jwt", "application/at+jwt")

MAX_TOKEN_BYTES = 8192


class IntrospectionDefinition(Contract):
    """Where an issuer is asked about its opaque tokens (RFC 7662), and as which client.

    The secret can be read with the key at `keys.CATALOGUE_KEY`.
    """

    url: str
    client_id: str
    sealed_secret: str = Field(repr=False)


class ExternalIssuerDefinition(Contract):
    """What is particular about an issuer that is not ours, by the name under which APIs trust it.

    `application_claim` names whose token it is: without one `client_id`, or else `azp`.
    """

    name: str
    audience: str
    application_claim: str | None = None
    keys: tuple[Mapping[str, Any], ...]
    introspection: IntrospectionDefinition | None = None

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        read_keys(self.keys)
        return self


class IssuerDefinition(Contract):
    """Whose tokens the pods accept: the issuer's URL and its public keys as JWKs.

    An external issuer has its keys in `external`, and no others: a pod that is too old to know of it takes none of its
    tokens. `sealed_assertion_key` is a private JWK that pods sign assertions for backends with; its public half is
    never among `keys`, so that nobody makes access tokens with it. It can be read with the key at `keys.CATALOGUE_KEY`.
    """

    issuer: str
    keys: tuple[Mapping[str, Any], ...]
    sealed_assertion_key: str | None = Field(default=None, repr=False)
    external: ExternalIssuerDefinition | None = None

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        """Refuse keys that can't be read: a pod would find out in the midst of everything else."""
        if self.external is None:
            read_keys(self.keys)
        elif self.keys:
            raise ValueError("the keys of an external issuer stand in external")
        return self


def read_keys(keys: Iterable[Mapping[str, Any]]) -> KeySet:
    """Return JWKs to verify with. Raises `ValueError`."""
    try:
        return KeySet.import_key_set({"keys": [dict(key) for key in keys]})
    except (JoseError, TypeError, KeyError) as error:
        raise ValueError(f"a key can't be read: {error}") from error


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


class UnknownKeyError(InvalidTokenError):
    """A token that names a key which its issuer was not known to have."""


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
        try:
            # RFC 9068, section 4: anything but an access token is refused.
            return _CLAIMS.validate_python(decode(token, self.keys, ACCESS_TOKEN_TYPES))
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


def decode(token: str, keys: KeySet, types: Collection[str]) -> dict[str, Any]:
    """Return what a token of one of these types says, if one of the keys signed it. Raises `InvalidTokenError`."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidTokenError("the token is too long")
    try:
        # RFC 8725, 3.1: the algorithms are ours, never the token's choice.
        decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS), registry=_REGISTRY)
    except InvalidKeyIdError as error:
        raise UnknownKeyError("the signature does not verify") from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:  # a header may hold anything
        raise InvalidTokenError("the signature does not verify") from error
    if str(decoded.header.get("typ", "")).lower() not in types:
        raise InvalidTokenError("not an access token")
    return decoded.claims


def is_jwt(token: str) -> bool:
    """Tell whether a token can be read by whom it is shown to: an opaque one says something to its issuer alone."""
    try:
        peek_issuer(token)
    except InvalidTokenError:
        return False
    return True


def peek_issuer(token: str) -> str:
    """Return who a token says issued it, unverified: to choose the keys by. Raises `InvalidTokenError`."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidTokenError("the token is too long")
    try:
        payload = json.loads(urlsafe_b64decode(token.split(".")[1].encode()))
        return str(payload["iss"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidTokenError("not a JWT") from error


def read_key_id(token: str) -> str | None:
    """Return which key signed a token that has been verified: one key's tokens share the text."""
    key_id = json.loads(urlsafe_b64decode(token.split(".", maxsplit=1)[0].encode())).get("kid")
    return sys.intern(key_id) if isinstance(key_id, str) else None


_CLAIMS = TypeAdapter(AccessClaims)
_REGISTRY = JWSRegistry(algorithms=list(ALGORITHMS))
