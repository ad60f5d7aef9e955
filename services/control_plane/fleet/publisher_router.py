"""The connections of one API, for its publisher."""

from fastapi import APIRouter

from services.control_plane.fleet.dependencies import Connections
from services.control_plane.fleet.schemas import ConnectionPage, ConnectionsClosed, Everything, PartOf, SelectingOfOne
from services.control_plane.identity.dependencies import MayReadApis, MayWriteApis
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.publisher.service import ApiService
from shared.connections import Selection
from shared.definition import ApiId

router = APIRouter(prefix="/publisher/v1/apis/{api_id}/connections", tags=["connections"], route_class=UnitOfWorkRoute)


@router.get("", responses=declare("not_found", "unavailable"))
def list_connections(
    caller: MayReadApis,
    api_id: ResourceId,
    query: SelectingOfOne,
    paging: PartOf,
    unit: Unit,
    apis: Apis,
    connections: Connections,
) -> ConnectionPage:
    return connections.list_page(_within(_of(api_id, caller, unit, apis), query.selection), paging)


@router.delete("", responses=declare("not_found", "unavailable"))
def close_connections(
    caller: MayWriteApis,
    api_id: ResourceId,
    query: SelectingOfOne,
    unit: Unit,
    apis: Apis,
    connections: Connections,
    *,
    everything: Everything = False,
) -> ConnectionsClosed:
    """Close all that match."""
    mine = _of(api_id, caller, unit, apis)
    closed = connections.close_all(_within(mine, query.selection), mine, "closed_by_publisher", everything=everything)
    audit.record(unit.session, "connection.close", "api", api_id)
    return closed


@router.delete("/{connection_id}", status_code=204, responses=declare("not_found", "unavailable"))
def close_connection(
    caller: MayWriteApis,
    api_id: ResourceId,
    connection_id: ResourceId,
    unit: Unit,
    apis: Apis,
    connections: Connections,
) -> None:
    connections.close_one(connection_id, _of(api_id, caller, unit, apis), "closed_by_publisher")
    audit.record(unit.session, "connection.close", "connection", connection_id)


def _of(api_id: str, caller: Principal, unit: Unit, apis: ApiService) -> Selection:
    """Return all connections of an API that the caller may see. Raises `NotFoundError`."""
    api = apis.get(unit.session, api_id, caller)
    mine = Selection(api_id=ApiId(api.id))
    unit.release()  # no transaction waits for the network
    return mine


def _within(mine: Selection, asked: Selection) -> Selection:
    return asked.model_copy(update={"api_id": mine.api_id})
