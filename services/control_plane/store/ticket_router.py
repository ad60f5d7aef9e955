"""Tickets, the one resource that scripts of other origins may ask for: those that an API lists."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Response

from services.control_plane.identity.dependencies import Authentication, Credentials, Requires
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.scopes import STORE_SUBSCRIBE
from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import ProblemError, declare
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import ReadingRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Applications, Tickets
from services.control_plane.store.schemas import TicketCreate, TicketCreated
from shared.claims import read_key_id
from shared.origins import is_listed
from shared.tickets import SECONDS, Ticket

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
    "Access-Control-Max-Age": "600",
}
_may_subscribe: Final = Requires(STORE_SUBSCRIBE)

Data = Annotated[Database, Depends(provide(Database))]
Origin = Annotated[str | None, Header(include_in_schema=False)]

router = APIRouter(prefix="/store/v1/tickets", tags=["tickets"], route_class=ReadingRoute)


@router.post("", status_code=201, responses=declare("not_found", "unavailable"))
def create_ticket(
    body: TicketCreate,
    credentials: Credentials,
    unit: Unit,
    tickets: Tickets,
    applications: Applications,
    authenticator: Authentication,
    database: Data,
    response: Response,
    origin: Origin = None,
) -> TicketCreated:
    """Take an application's access token, or a subscriber's with an application of theirs."""
    readable = _readable_by(origin, body.api_id, database)
    try:
        ticket = _grant(body, credentials, unit, tickets, applications, authenticator)
        unit.release()  # no transaction waits for the network
        text = tickets.keep(ticket)
    except ProblemError as error:
        error.headers = {**(error.headers or {}), **readable}
        raise
    response.headers.update({**readable, "Cache-Control": "no-store"})
    return TicketCreated(ticket=text, expires_in=SECONDS)


@router.options("", status_code=204, include_in_schema=False)
def preflight(unit: Unit, origin: Origin = None) -> Response:
    """Answer a browser that asks before the POST. It does not say which API it will name."""
    unit.see_all()
    lists = repository.list_origins(unit.session) if origin else ()
    listed = any(is_listed(origin or "", origins) for origins in lists)
    return Response(status_code=204, headers={**_allow(origin, listed=listed), **(_PREFLIGHT if listed else {})})


def _grant(
    body: TicketCreate,
    credentials: Credentials,
    unit: Unit,
    tickets: Tickets,
    applications: Applications,
    authenticator: Authentication,
) -> Ticket:
    if body.application_id is None or body.key_type is None:
        if credentials is None:
            raise UnauthorizedError
        claims = tickets.verify(credentials)
        unit.see_all()  # until it is known whose token it is
        return tickets.grant(unit.session, claims, read_key_id(credentials.token), body.api_id)
    caller = _may_subscribe(credentials, unit, authenticator)
    application = applications.get(unit.session, body.application_id, caller.account_id)
    return tickets.grant_owner(unit.session, application, body.key_type, body.api_id, caller.roles)


def _readable_by(origin: str | None, api_id: str, database: Database) -> dict[str, str]:
    """Return the headers that let a page read the answer, errors included, if the API lists its origin."""
    with database.reading() as session:  # who calls is found out afterwards
        listed = origin is not None and is_listed(origin, repository.origins_of(session, api_id))
    return _allow(origin, listed=listed)


def _allow(origin: str | None, *, listed: bool) -> dict[str, str]:
    return {"Vary": "Origin", **({"Access-Control-Allow-Origin": origin} if origin and listed else {})}
