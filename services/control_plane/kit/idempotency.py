"""`Idempotency-Key`: a POST that is sent again is answered again, and done once.

The key is claimed and the answer kept in the transaction of the change itself. So an error leaves nothing behind, and
two requests at the same time wait for each other.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from fastapi import Request, Response
from sqlmodel import Field, Session, SQLModel

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import InvalidError, ProblemError, UnavailableError
from services.control_plane.kit.rows import delete_until, insert_new
from services.control_plane.kit.security import Sealer

HEADER: Final = "Idempotency-Key"
KEPT_FOR: Final = timedelta(hours=24)

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_SWEEP: Final = 100


class IdempotentRequest(SQLModel, table=True):
    """A request that was done. `response` is sealed: it may hold a secret that is shown once."""

    __tablename__ = "idempotent_request"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    response: str | None = None
    created_at: datetime = Field(index=True)


class KeyReusedError(ProblemError):
    slug: ClassVar[str] = "idempotency_key_reused"


class ReplayError(Exception):
    """The request was done before: this was the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__("done before")
        self.response = response


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    key: str
    fingerprint: str

    @classmethod
    async def of(cls, request: Request) -> "IdempotencyKey | None":
        """Return the key of a POST, or None where it has none. Raises `InvalidError`."""
        key = request.headers.get(HEADER)
        if request.method != "POST" or key is None:
            return None
        if not _KEY.fullmatch(key):
            raise InvalidError.of(HEADER, "must be 1 to 255 visible ASCII characters")
        parts = (request.method, request.url.path, request.url.query, hashlib.sha256(await request.body()).hexdigest())
        return cls(key, hashlib.sha256("\0".join(parts).encode()).hexdigest())


class IdempotencyKeeper:
    """Claims keys and keeps answers."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def claim(self, session: Session, caller: str, key: IdempotencyKey) -> None:
        """Reserve a key for this transaction. Raises `ReplayError` or `KeyReusedError`."""
        now = self._clock()
        delete_until(session, IdempotentRequest.created_at, now - KEPT_FOR, _SWEEP)
        values = {"caller": caller, "key": key.key, "fingerprint": key.fingerprint, "created_at": now}
        if not insert_new(session, IdempotentRequest, **values):
            self._replay(session, caller, key)

    def keep(self, session: Session, caller: str, key: IdempotencyKey, response: Response) -> None:
        """Keep the answer for requests to come."""
        row = session.get_one(IdempotentRequest, (caller, key.key))
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
        content = {"status": response.status_code, "headers": headers, "body": bytes(response.body).decode()}
        row.response = self._sealer.seal(json.dumps(content))

    def _replay(self, session: Session, caller: str, key: IdempotencyKey) -> None:
        row = session.get(IdempotentRequest, (caller, key.key))
        if row is None or row.response is None:  # swept just now
            raise UnavailableError(headers={"Retry-After": "1"})
        if row.fingerprint != key.fingerprint:
            raise KeyReusedError
        content = json.loads(self._sealer.unseal(row.response))
        response = Response(content["body"], content["status"])
        response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in content["headers"]]
        raise ReplayError(response)
