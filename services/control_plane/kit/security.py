"""Secrets: made with enough randomness, kept as hashes, and sealed where they must be read again."""

import hashlib
import hmac
import secrets
import zlib
from base64 import urlsafe_b64encode
from typing import Final
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_PREFIX: Final = "fgs_"  # noqa: S105 - it marks our secrets for scanners
MIN_KEY_LENGTH: Final = 32

_RANDOM_BYTES: Final = 32
_CHECKSUM_LENGTH: Final = 8


class UnsealError(Exception):
    """What was sealed can't be read: another `FRAMEGATE_SECRET_KEY`, or it was tampered with."""


def new_id() -> str:
    return str(uuid4())


def new_secret(prefix: str = SECRET_PREFIX) -> str:
    """Return 256 random bits, in a form that secret scanners recognise and can check."""
    body = prefix + secrets.token_urlsafe(_RANDOM_BYTES)
    return body + _checksum(body)


def is_well_formed(secret: str, prefix: str = SECRET_PREFIX) -> bool:
    """Tell whether a text has the form of our secrets."""
    body, checksum = secret[:-_CHECKSUM_LENGTH], secret[-_CHECKSUM_LENGTH:]
    return body.startswith(prefix) and hmac.compare_digest(checksum.encode(), _checksum(body).encode())


def hash_secret(secret: str) -> str:
    """Return what is stored of a random secret: a slow hash would add nothing but load."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, hashed: str) -> bool:
    return hmac.compare_digest(hash_secret(secret).encode(), hashed.encode())


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


class Sealer:
    """Encrypts what must be read again, under a key derived from the platform's secret for one purpose.

    `key` opens what this sealer sealed, and nothing else: neither the secret nor another purpose's key follows from it.
    """

    def __init__(self, secret_key: str, purpose: str = "sealing") -> None:
        if len(secret_key) < MIN_KEY_LENGTH:
            raise ValueError(f"the secret key must have {MIN_KEY_LENGTH} characters or more")
        derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"framegate {purpose} 1".encode())
        self.key = urlsafe_b64encode(derivation.derive(secret_key.encode())).decode()
        self._fernet = Fernet(self.key)

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Return what was sealed. Raises `UnsealError`."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except (InvalidToken, ValueError) as error:  # what is not ASCII is a ValueError
            raise UnsealError("sealed with another FRAMEGATE_SECRET_KEY, or damaged") from error
