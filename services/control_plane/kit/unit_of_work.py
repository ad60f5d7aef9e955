"""One request's change: all of it is kept, or nothing."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from sqlmodel import Session

from services.control_plane.kit import audit, tenancy
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
        self.organisation = tenancy.DEFAULT_ORGANISATION
        self.sees_all = False

    def act_for(self, actor: str, organisation: str) -> None:
        """Say who asks, and see from now on what belongs to that organisation alone. Nobody is one of the default."""
        if (actor, organisation) == (self.actor, self.organisation):
            return
        self._refuse_late()
        self.actor = actor
        self.organisation = organisation

    def see_all(self) -> None:
        """See what belongs to whatever organisation: for the platform's own work, and to find out who somebody is."""
        self._refuse_late()
        self.sees_all = True

    @property
    def session(self) -> Session:
        """The transaction's session. Raises `ReplayError` where the request was done before."""
        if self._session is None:
            self._session = self._with.database.session(writes=self._writes)
            audit.begin(
                self._session, audit.AuditContext(self.actor, self.address, self._with.clock, self.organisation)
            )
            if not self.sees_all:
                tenancy.hold(self._session, self.organisation)
            if self._key is not None:
                self._with.keeper.claim(self._session, self.actor, self._key)
        return self._session

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def will_write(self) -> None:
        """Keep what is changed from now on, on a route that only reads as a rule."""
        self._refuse_late()
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

    def _refuse_late(self) -> None:
        if self.is_open:
            raise RuntimeError("the transaction has begun to read")

    def close(self) -> None:
        """Give the connection back; what was not committed is undone."""
        if self._session is not None:
            self._session.close()
            self._session = None


async def _unit_of_work(request: Request) -> UnitOfWork:
    unit: UnitOfWork = request.state.unit_of_work
    return unit


async def see_all(request: Request) -> None:
    """Let a route see all organisations: a dependency of routers where nobody is known yet."""
    (await _unit_of_work(request)).see_all()


Unit = Annotated[UnitOfWork, Depends(_unit_of_work)]
