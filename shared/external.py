"""Access tokens of issuers that are not ours."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from shared.claims import (
    ACCESS_TOKEN_TYPES,
    AccessClaims,
    ExternalIssuerDefinition,
    IntrospectionDefinition,
    InvalidTokenError,
    TokenId,
    TokenVerifier,
    decode,
    read_keys,
)
from shared.subscription import ClientId

MAX_CLIENT_ID_LENGTH: Final = 200

_END_OF_TIME: Final = 253_402_300_799  # the last second that a calendar knows

_TYPES: Final = (*ACCESS_TOKEN_TYPES, "jwt", "application/jwt")
"""Few issuers follow RFC 9068 so far. What is no access token is meant for another audience."""


class ExternalClaims(AccessClaims):
    """What a token of an external issuer says.

    `sub`, `client_id` and `jti` begin with the issuer's name and a slash. None of ours has one: nobody who is named by
    one issuer is taken for somebody who is named by another.
    """

    issuer_name: str


def _check_printable(text: str) -> str:
    """Refuse what can't be handed on: half a surrogate is in no header, and a NUL is no text for SQL."""
    if not text.isprintable():
        raise ValueError("is not printable")
    return text


_Moment = Annotated[float, Field(ge=0, le=_END_OF_TIME)]  # and so no NaN either
_Text = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_check_printable)]
_Scopes = _Text | list[_Text]


class _Claims(BaseModel):
    """RFC 7519, section 4.1, with what is known of scopes: `scope` of RFC 9068, and `scp` of older issuers."""

    model_config = ConfigDict(strict=True)

    iss: str
    aud: str | list[str]
    exp: _Moment
    sub: _Text | None = None
    jti: _Text | None = None
    iat: _Moment = 0
    nbf: _Moment = 0
    scope: _Scopes | None = None
    scp: _Scopes = ""
    cnf: dict[str, Any] | None = None

    def list_scopes(self) -> str:
        found = self.scp if self.scope is None else self.scope
        return found if isinstance(found, str) else " ".join(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalVerifier(TokenVerifier):
    """Checks tokens of an external issuer that are meant for the gateway."""

    name: str
    application_claim: str | None
    introspection: IntrospectionDefinition | None

    @classmethod
    def of(cls, issuer: str, definition: ExternalIssuerDefinition) -> Self:
        return cls(
            issuer=issuer,
            audience=definition.audience,
            keys=read_keys(definition.keys),
            name=definition.name,
            application_claim=definition.application_claim,
            introspection=definition.introspection,
        )

    def read(self, token: str) -> ExternalClaims:
        """Return the claims of a token that was signed by one of the keys. Raises `InvalidTokenError`."""
        return self._translate(decode(token, self.keys, _TYPES), token)

    def read_answer(self, answer: Mapping[str, Any], token: str) -> ExternalClaims:
        """Return what the issuer answered of an opaque token (RFC 7662, section 2.2). Raises `InvalidTokenError`."""
        if answer.get("active") is not True:
            raise InvalidTokenError("not active")
        return self._translate({"iss": self.issuer, **answer}, token)

    def _translate(self, said: Mapping[str, Any], token: str) -> ExternalClaims:
        """Return an issuer's words as ours."""
        try:
            claims = _CLAIMS.validate_python(said)
        except ValidationError as error:
            raise InvalidTokenError("claims are missing or malformed") from error
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self.audience not in audiences:
            raise InvalidTokenError("meant for another audience")
        client = self._find_client(said)
        return ExternalClaims(
            iss=claims.iss,
            sub=f"{self.name}/{claims.sub or client}",
            aud=self.audience,
            client_id=ClientId(f"{self.name}/{client}"),
            jti=TokenId(f"{self.name}/{claims.jti or hashlib.sha256(token.encode()).hexdigest()}"),
            iat=int(claims.iat),
            exp=int(claims.exp),
            nbf=int(claims.nbf),
            scope=claims.list_scopes(),
            cnf=claims.cnf,
            issuer_name=self.name,
        )

    def _find_client(self, said: Mapping[str, Any]) -> str:
        names = (self.application_claim,) if self.application_claim else ("client_id", "azp")
        client = next((said[name] for name in names if name in said), None)
        known = isinstance(client, str) and 0 < len(client) <= MAX_CLIENT_ID_LENGTH and client.isprintable()
        if not isinstance(client, str) or not known:
            raise InvalidTokenError("does not name an application")
        return client


_CLAIMS: Final = TypeAdapter(_Claims)
