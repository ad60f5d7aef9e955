"""JWTs that clients sign about themselves (RFC 7523), each good once."""

import json
from datetime import UTC, datetime
from typing import Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key
from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.rows import delete_until
from services.control_plane.oauth import repository
from services.control_plane.oauth.models import OAuthClient, UsedAssertion
from shared.claims import ALGORITHMS, MAX_TOKEN_BYTES

MAX_LIFETIME_SECONDS: Final = 300
_LEEWAY_SECONDS: Final = 30
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS))


class AssertionRefusedError(Exception):
    """An assertion that proves nothing. Why is for the log and for tests, not for strangers."""


class _Claims(BaseModel):
    iss: str
    sub: str
    aud: str | list[str]
    jti: str
    exp: float
    iat: float = 0
    nbf: float = 0


class AssertionReader:
    """Verifies what clients signed with keys that they registered, and refuses what was used before."""

    def __init__(self, issuer: str, token_endpoint: str, clock: Clock) -> None:
        self._audiences = (issuer, token_endpoint)
        self._clock = clock

    def read(self, session: Session, assertion: str) -> OAuthClient:
        """Return the client that signed it for us. Raises `AssertionRefusedError`."""
        if len(assertion) > MAX_TOKEN_BYTES:
            raise AssertionRefusedError("too long")
        client = repository.find_client(session, self._name(assertion))
        if client is None or client.disabled or not client.jwks:
            raise AssertionRefusedError("no such client, or it has no keys")
        try:
            keys = KeySet([import_key(key) for key in client.jwks["keys"]])
            claims = _Claims.model_validate(
                jwt.decode(assertion, keys, algorithms=list(ALGORITHMS), registry=_REGISTRY).claims
            )
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise AssertionRefusedError("the signature or a claim is not valid") from error
        self._check(claims, client.id)
        self._use(session, claims, client.id)
        return client

    def sweep(self, session: Session) -> bool:
        """Forget some that have expired, and tell whether there may be more."""
        return delete_until(session, UsedAssertion.expires_at, self._clock())

    def _name(self, assertion: str) -> str:
        """Return who the client says it is: whose keys to try."""
        try:
            claims = json.loads(jws.extract_compact(assertion.encode()).payload)
            name = claims["sub"]
        except (JoseError, KeyError, ValueError, TypeError, RecursionError) as error:
            raise AssertionRefusedError("not a JWT with a subject") from error
        if not isinstance(name, str) or not name.isprintable():  # a NUL and half a surrogate are no text for SQL
            raise AssertionRefusedError("the subject is no client")
        return name

    def _check(self, claims: _Claims, client_id: str) -> None:
        now = self._clock().timestamp()
        if claims.iss != client_id or claims.sub != client_id:
            raise AssertionRefusedError("issuer and subject must be the client")
        audience = claims.aud if isinstance(claims.aud, str) else "".join(claims.aud[:1])
        if audience not in self._audiences or (isinstance(claims.aud, list) and len(claims.aud) != 1):
            raise AssertionRefusedError("meant for another audience")
        if not now - _LEEWAY_SECONDS < claims.exp <= now + MAX_LIFETIME_SECONDS + _LEEWAY_SECONDS:
            raise AssertionRefusedError("expired, or valid for too long")
        if max(claims.iat, claims.nbf) > now + _LEEWAY_SECONDS:
            raise AssertionRefusedError("not valid yet")

    def _use(self, session: Session, claims: _Claims, client_id: str) -> None:
        expires_at = datetime.fromtimestamp(claims.exp + _LEEWAY_SECONDS, UTC)
        if not repository.use_once(session, f"{client_id}\0{claims.jti}", expires_at):
            raise AssertionRefusedError("used before")
