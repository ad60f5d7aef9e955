"""Proofs that a client holds a key (RFC 9449), as both planes read them."""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from pydantic import BaseModel, Field, ValidationError

from shared.claims import ALGORITHMS, MAX_TOKEN_BYTES
from shared.public_keys import check_public_keys

MAX_AGE_SECONDS: Final = 60
LEEWAY_SECONDS: Final = 10


class _Registry(jws.JWSRegistry):
    """Has room for a key in the header."""

    max_header_length: ClassVar[int] = 4096  # type: ignore[misc] # never set on an object


_REGISTRY: Final = _Registry(algorithms=list(ALGORITHMS))


class ProofRefusedError(Exception):
    """A proof that proves nothing. Why is for tests, not for strangers."""


class _Claims(BaseModel):
    jti: str = Field(min_length=1)
    htm: str
    htu: str
    iat: float = Field(allow_inf_nan=False)
    ath: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof whose signature is good, and the thumbprint of the key that signed it."""

    thumbprint: str
    claims: _Claims

    @property
    def address(self) -> str:
        """What was asked for: a query and a fragment do not count (RFC 9449, section 4.3)."""
        return self.claims.htu.partition("?")[0].partition("#")[0]

    @property
    def name(self) -> str:
        """By what a proof is known that was used before."""
        return f"dpop\0{self.thumbprint}\0{self.claims.jti}"

    @property
    def good_until(self) -> float:
        return self.claims.iat + MAX_AGE_SECONDS + LEEWAY_SECONDS

    def check(self, method: str, now: float) -> None:
        """Raise `ProofRefusedError` for another method, or another time than about now."""
        if self.claims.htm != method:
            raise ProofRefusedError("meant for another request")
        if not now - MAX_AGE_SECONDS <= self.claims.iat <= now + LEEWAY_SECONDS:
            raise ProofRefusedError("too old, or from the future")


def read_proof(text: str) -> Proof:
    """Return a proof that was signed with the key that it brings. Raises `ProofRefusedError`."""
    if len(text) > MAX_TOKEN_BYTES:
        raise ProofRefusedError("too long")
    try:
        decoded = jwt.decode(
            text, lambda token: _read_key(token.headers()), algorithms=list(ALGORITHMS), registry=_REGISTRY
        )
        claims = _Claims.model_validate(decoded.claims)
    except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
        raise ProofRefusedError("not a signed proof") from error
    return Proof(str(_read_key(decoded.header).thumbprint()), claims)


def hash_token(token: str) -> str:
    """Return what a proof says of the token that it comes with (RFC 9449, section 4.2: `ath`)."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _read_key(header: dict[str, Any]) -> Key:
    """Return the key that a proof brings: the one place where a token may. Raises `ValueError`."""
    jwk = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or not isinstance(jwk, dict):
        raise ValueError("not a proof with a key")
    check_public_keys({"keys": [jwk]})
    return import_key(jwk)
