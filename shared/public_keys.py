"""The public keys of clients (RFC 7517), as far as we verify with them."""

from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

MAX_KEYS: Final = 10
MIN_RSA_BITS: Final = 2048
MAX_EXPONENT_BITS: Final = 32
"""A large public exponent makes each verification cost a hundred times as much; nobody needs one."""

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518, section 6


def check_public_keys(jwks: dict[str, Any]) -> dict[str, Any]:
    """Return a JWK Set as it is. Raises `ValueError`."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise ValueError(f"must be a JWK Set of 1 to {MAX_KEYS} keys")
    if any(has_private_part(key) for key in keys):
        raise ValueError("holds a private key: give the public one, and make a new pair")
    try:
        imported = KeySet.import_key_set({"keys": keys}).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("holds a key that can't be read") from error
    if not all(_is_strong(key) for key in imported):
        raise ValueError("must hold keys of P-256, Ed25519 or RSA with 2048 bits or more")
    return {"keys": keys}


def has_private_part(key: object) -> bool:
    """Tell, without reading it, whether a JWK has what only its owner should: to complete a part may take hours."""
    return isinstance(key, dict) and not _PRIVATE.isdisjoint(key)


def _is_strong(key: object) -> bool:
    match key:
        case ECKey():
            return key.curve_name == "P-256"
        case OKPKey():
            return key.curve_name == "Ed25519"
        case RSAKey():
            numbers = key.public_key.public_numbers()
            return numbers.n.bit_length() >= MIN_RSA_BITS and numbers.e.bit_length() <= MAX_EXPONENT_BITS
        case _:
            return False
