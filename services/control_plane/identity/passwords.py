"""Passwords of people: slow hashes, for these can be guessed."""

import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def new_password() -> str:
    return secrets.token_urlsafe(18)


def verify_password(password: str, hashed: str | None) -> bool:
    """Tell whether a password is the one. Without a hash it takes as long, and is not."""
    try:
        _HASHER.verify(hashed or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


@cache
def _nobody() -> str:
    return hash_password(new_password())
