"""One request's change: all of it is kept, or nothing."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from sqlmodel import Session

from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.idempotency import IdempotencyKeeper, IdempotencyKey

ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What a unit of work needs of the application."""

    database: Database
    keeper: IdempotencyKeeper
    clock: Clock


class UnitOfWork:
    """Begins a transaction when it is first needed; the route ends it. Handlers never commit."""

    def __init__(self, collaborators: Collaborators, *, writes: bool, address: str, key: IdempotencyKey | None) -> None:
        self._with = collaborators
        self._writes = writes
        self.address = address
        self._key = key
        self._session: Session | None = None
        self.actor = ANONYMOUS

    @property
    def session(self) -> Session:
        """The transaction's session. Raises `ReplayError` where the request was done before."""
        if self._session is None:
            self._session = self._with.database.session(writes=self._writes)
            audit.begin(self._session, audit.AuditContext(self.actor, self.address, self._with.clock))
            if self._key is not None:
                self._with.keeper.claim(self._session, self.actor, self._key)
        return self._session

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def will_write(self) -> None:
        """Keep what is changed from now on, on a route that only reads as a rule."""
        if self.is_open:
            raise RuntimeError("the transaction has begun to read")
        self._writes = True

    def release(self) -> None:
        """End a transaction of which nothing is kept: it only read, and something slow comes, or it was a trial."""
        self._key = None
        self.close()

    def finish(self, response: Response) -> None:
        """Keep the change, and with it the answer where the request may come again."""
        if self._session is not None and self._writes:
            if self._key is not None:
                self._with.keeper.keep(self._session, self.actor, self._key, response)
            self._session.commit()
        self.close()

    def close(self) -> None:
        """Give the connection back; what was not committed is undone."""
        if self._session is not None:
            self._session.close()
            self._session = None


async def _unit_of_work(request: Request) -> UnitOfWork:
    unit: UnitOfWork = request.state.unit_of_work
    return unit


Unit = Annotated[UnitOfWork, Depends(_unit_of_work)]
