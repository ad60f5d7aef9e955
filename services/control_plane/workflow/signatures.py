"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), by which receivers know that we sent it. Pure."""

import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    return _PREFIX + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, id_: str, timestamp: int, body: str) -> str:
    """Return the value of `webhook-signature`."""
    key = b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.digest(key, f"{id_}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{b64encode(digest).decode()}"
