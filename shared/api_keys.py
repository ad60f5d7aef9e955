"""API keys: what an application may show instead of a token."""

import hashlib
import secrets
import string
import zlib
from typing import Final, NewType

from shared.contract import Contract
from shared.definition import KeyType
from shared.subscription import ApplicationId

ApiKeyDigest = NewType("ApiKeyDigest", str)

PREFIX: Final = "fgk_"
"""Scanners for leaked secrets know a key by it."""

_ALPHABET: Final = string.ascii_letters + string.digits
_RANDOM_CHARACTERS: Final = 43  # 256 bits
_CHECK_CHARACTERS: Final = 6


class ApiKeyDefinition(Contract):
    """A key by the digest of its text. `expires_at` is in seconds of the epoch; an empty list allows all."""

    digest: ApiKeyDigest
    application_id: ApplicationId
    key_type: KeyType
    expires_at: int | None = None
    allowed_ips: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()


def make_api_key() -> str:
    """Return a new key: prefix, 256 random bits, and a checksum by which a mistyped one is known without a look-up."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return PREFIX + body + _check(body)


def read_api_key(text: str) -> ApiKeyDigest | None:
    """Return a key's digest, or None where it can't be one of ours."""
    body, check = text.removeprefix(PREFIX)[:-_CHECK_CHARACTERS], text[-_CHECK_CHARACTERS:]
    if not text.startswith(PREFIX) or len(body) != _RANDOM_CHARACTERS or not text.isascii() or check != _check(body):
        return None
    return digest_api_key(text)


def digest_api_key(text: str) -> ApiKeyDigest:
    """Return under what a key is kept and found.

    SHA-256 alone will do: nobody guesses 256 random bits, however fast they hash.
    """
    return ApiKeyDigest(hashlib.sha256(text.encode()).hexdigest())


def _check(body: str) -> str:
    number = zlib.crc32(body.encode())
    characters = []
    for _ in range(_CHECK_CHARACTERS):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "".join(characters)
