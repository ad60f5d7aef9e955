"""What a consent page must bring back: the very request that it was made for, from the browser that asked."""

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import Sealer, UnsealError

PAGE_VALIDITY: Final = timedelta(minutes=10)

_NONCE_LENGTH: Final = 43


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request that waits for a person's decision. The cookie binds it to one browser."""

    sealed: str
    cookie: str


class ConsentService:
    """Seals authorization requests into pages, and reads them back."""

    def __init__(self, sealer: Sealer, public_url: str, clock: Clock) -> None:
        self.is_secure = public_url.startswith("https:")
        self._sealer = sealer
        self._clock = clock

    def begin(self, content: bytes, cookie: str | None) -> Ticket:
        """Seal what the page is for. A browser's cookie stays as it is, so that two pages may be open."""
        nonce = cookie if cookie is not None and len(cookie) == _NONCE_LENGTH else secrets.token_urlsafe(32)
        until = (self._clock() + PAGE_VALIDITY).timestamp()
        return Ticket(self._sealer.seal(json.dumps([nonce, until, content.decode("latin-1")])), nonce)

    def read(self, sealed: str, cookie: str | None) -> bytes | None:
        """Return what a page was for, or None where the page is too old or of another browser."""
        try:
            nonce, until, content = json.loads(self._sealer.unseal(sealed))
        except UnsealError:
            return None
        bound = hmac.compare_digest(str(nonce).encode(), (cookie or "").encode())
        return str(content).encode("latin-1") if bound and self._clock().timestamp() < until else None
