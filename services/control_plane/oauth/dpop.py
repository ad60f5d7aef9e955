"""Proofs that a client holds a key (RFC 9449), which its token is then bound to."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from services.control_plane.kit.clock import Clock
from services.control_plane.oauth import repository
from services.control_plane.oauth.client_keys import check_public_keys
from shared.claims import ALGORITHMS, MAX_TOKEN_BYTES

MAX_AGE_SECONDS: Final = 60
_LEEWAY_SECONDS: Final = 10


class _Registry(jws.JWSRegistry):
    """Has room for a key in the header."""

    max_header_length: ClassVar[int] = 4096  # type: ignore[misc] # never set on an object


_REGISTRY: Final = _Registry(algorithms=list(ALGORITHMS))


class ProofRefusedError(Exception):
    """A proof that proves nothing. Why is for tests, not for strangers."""


class _Claims(BaseModel):
    jti: str
    htm: str
    htu: str
    iat: float


class DpopReader:
    """Verifies proofs for the token endpoint. Each is good once."""

    def __init__(self, token_endpoint: str, clock: Clock) -> None:
        self._token_endpoint = token_endpoint
        self._clock = clock

    def read(self, session: Session, proof: str) -> str:
        """Return the thumbprint of the key that a proof was signed with. Raises `ProofRefusedError`."""
        if len(proof) > MAX_TOKEN_BYTES:
            raise ProofRefusedError("too long")
        try:
            decoded = jwt.decode(
                proof, lambda token: _read_key(token.headers()), algorithms=list(ALGORITHMS), registry=_REGISTRY
            )
            claims = _Claims.model_validate(decoded.claims)
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            raise ProofRefusedError("not a signed proof") from error
        thumbprint = str(_read_key(decoded.header).thumbprint())
        self._check(claims)
        expires_at = datetime.fromtimestamp(claims.iat + MAX_AGE_SECONDS + _LEEWAY_SECONDS, UTC)
        if not repository.use_once(session, f"dpop\0{thumbprint}\0{claims.jti}", expires_at):
            raise ProofRefusedError("used before")
        return thumbprint

    def _check(self, claims: _Claims) -> None:
        now = self._clock().timestamp()
        if claims.htm != "POST" or claims.htu.partition("?")[0].partition("#")[0] != self._token_endpoint:
            raise ProofRefusedError("meant for another request")
        if not now - MAX_AGE_SECONDS <= claims.iat <= now + _LEEWAY_SECONDS:
            raise ProofRefusedError("too old, or from the future")


def _read_key(header: dict[str, Any]) -> Key:
    """Return the key that a proof brings: the one place where a token may. Raises `ValueError`."""
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or not isinstance(jwk, dict):
        raise ValueError("not a proof with a key")
    check_public_keys({"keys": [jwk]})
    return import_key(jwk)
