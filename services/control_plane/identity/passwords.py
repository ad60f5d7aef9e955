"""Passwords of people: slow hashes, for these can be guessed."""

import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_MIN_DIFFERENT: Final = 4
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 200


def check_password(password: str, name: str) -> str:
    """Return a password that will do. Raises `ValueError`."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"must have {MIN_LENGTH} to {MAX_LENGTH} characters")
    if password.casefold() == name.casefold() or len(set(password)) < _MIN_DIFFERENT:
        raise ValueError("is too easily guessed")
    return password


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
