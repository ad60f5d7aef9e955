"""JWK Sets from outside (RFC 7517), cut down to what pods verify with. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from services.control_plane.issuers.errors import NoGoodAnswerError
from shared.public_keys import check_public_keys

MAX_KEYS: Final = 20

_MAX_LISTED: Final = 100
_MAX_KID_LENGTH: Final = 200

# By type and curve: the algorithm that such a key signs with, and what it consists of.
_KINDS: Final[Mapping[tuple[object, object], tuple[str, tuple[str, ...]]]] = {
    ("EC", "P-256"): ("ES256", ("kty", "crv", "x", "y")),
    ("OKP", "Ed25519"): ("Ed25519", ("kty", "crv", "x")),
    ("RSA", None): ("RS256", ("kty", "n", "e")),
}


def select_keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys that access tokens may be signed with, in an order of their own. Raises `NoGoodAnswerError`.

    Each is bound to one algorithm (RFC 8725, section 3.1), and has its public members alone.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > _MAX_LISTED:
        raise NoGoodAnswerError("its keys are no JWK Set")
    keys = [key for key in map(_select, listed) if key is not None]
    if not keys:
        raise NoGoodAnswerError("none of its keys signs with ES256, RS256 (2048 bits or more) or Ed25519")
    if len(keys) > MAX_KEYS:
        raise NoGoodAnswerError(f"it has more than {MAX_KEYS} keys")
    return sorted(keys, key=lambda key: (key.get("kid", ""), str(key)))


def _select(key: object) -> dict[str, Any] | None:
    if not isinstance(key, Mapping):
        return None
    kind = _KINDS.get((_text(key.get("kty")), _text(key.get("crv"))))
    if kind is None or not _is_to_verify_with(key, kind[0]):
        return None
    algorithm, members = kind
    selected = {name: key.get(name) for name in members} | {"use": "sig", "alg": algorithm}
    if (kid := key.get("kid")) is not None:
        if not isinstance(kid, str) or len(kid) > _MAX_KID_LENGTH:
            return None
        selected["kid"] = kid
    try:
        check_public_keys({"keys": [selected]})
    except ValueError:
        return None
    return selected


def _is_to_verify_with(key: Mapping[str, Any], algorithm: str) -> bool:
    operations = key.get("key_ops")
    return (
        key.get("use") in (None, "sig")
        and key.get("alg") in (None, algorithm)
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
