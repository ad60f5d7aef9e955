"""Tickets: one use, one API, half a minute; for browsers, that can set no header on a WebSocket."""

import hashlib
from typing import Final

from shared.claims import AccessClaims
from shared.contract import Contract
from shared.definition import ApiId, KeyType
from shared.subscription import ApplicationId

SECONDS: Final = 30
MAX_CHARACTERS: Final = 100


class Ticket(Contract):
    """Who may connect with it, and to what. With `claims` it stands for a token; else for an application's owner."""

    api_id: ApiId
    application_id: ApplicationId
    key_type: KeyType
    scopes: tuple[str, ...] = ()
    claims: AccessClaims | None = None
    key_id: str | None = None
    """Which key of ours signed that token."""


def digest_ticket(text: str) -> str:
    """Return under what a ticket is found: its text is in no key, and in no dump."""
    return hashlib.sha256(text.encode()).hexdigest()
