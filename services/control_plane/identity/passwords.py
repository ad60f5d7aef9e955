"""Passwords of people: slow hashes, for these can be guessed."""

import secrets
from typing import Final

from argon2 import PasswordHasher

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def new_password() -> str:
    return secrets.token_urlsafe(18)
