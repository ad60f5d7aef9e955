"""The connections of one's own applications, and how they go on with a fresh token."""

from fastapi import APIRouter

from services.control_plane.fleet.dependencies import Connections, Tokens
from services.control_plane.fleet.schemas import (
    ConnectionPage,
    ConnectionRenewed,
    ConnectionsClosed,
    Everything,
    PartOf,
    Selecting,
)
from services.control_plane.identity.dependencies import Credentials, MaySubscribe
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import ReadingRoute, UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store import repository
from shared.claims import read_key_id
from shared.connections import Selection
from shared.subscription import ApplicationId

router = APIRouter(prefix="/store/v1/connections", tags=["connections"], route_class=UnitOfWorkRoute)
renewals = APIRouter(prefix="/store/v1/connections", tags=["connections"], route_class=ReadingRoute)


@router.get("", responses=declare("unavailable"))
def list_connections(
    caller: MaySubscribe, query: Selecting, paging: PartOf, unit: Unit, connections: Connections
) -> ConnectionPage:
    return connections.list_page(_within(_of(caller, unit), query.selection), paging)


@router.delete("", responses=declare("unavailable"))
def close_connections(
    caller: MaySubscribe, query: Selecting, unit: Unit, connections: Connections, *, everything: Everything = False
) -> ConnectionsClosed:
    """Close all that match."""
    mine = _of(caller, unit)
    closed = connections.close_all(_within(mine, query.selection), mine, "closed_by_subscriber", everything=everything)
    audit.record(unit.session, "connection.close", "connection", "*")
    return closed


@router.delete("/{connection_id}", status_code=204, responses=declare("not_found", "unavailable"))
def close_connection(caller: MaySubscribe, connection_id: ResourceId, unit: Unit, connections: Connections) -> None:
    connections.close_one(connection_id, _of(caller, unit), "closed_by_subscriber")
    audit.record(unit.session, "connection.close", "connection", connection_id)


@renewals.post("/{connection_id}/token", responses=declare("not_found", "renewal_refused", "unavailable"))
def renew_connection(
    connection_id: ResourceId, credentials: Credentials, unit: Unit, tokens: Tokens, connections: Connections
) -> ConnectionRenewed:
    """Have an open connection go on with the token that this request bears: a fresh one of its application."""
    if credentials is None:
        raise UnauthorizedError
    claims = tokens.verify(credentials)
    unit.see_all()  # until it is known whose token it is
    tokens.find_holder(unit.session, claims)
    unit.release()  # no transaction waits for the network
    return connections.renew(connection_id, claims, read_key_id(credentials.token))


def _of(caller: Principal, unit: Unit) -> Selection:
    """Return all connections of the caller's applications."""
    ids = repository.application_ids(unit.session, caller.account_id)
    unit.release()  # no transaction waits for the network
    return Selection(application_ids=frozenset(map(ApplicationId, ids)))


def _within(mine: Selection, asked: Selection) -> Selection:
    return asked.model_copy(update={"application_ids": mine.application_ids})
