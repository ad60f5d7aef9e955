"""Pods and connections, for administrators."""

from fastapi import APIRouter

from services.control_plane.catalogue import repository
from services.control_plane.fleet.dependencies import Connections, Pods
from services.control_plane.fleet.schemas import (
    ConnectionPage,
    ConnectionsClosed,
    Everything,
    GatewayPage,
    PartOf,
    Selecting,
)
from services.control_plane.identity.dependencies import MayOperate
from services.control_plane.kit import audit
from services.control_plane.kit.pagination import Paging
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from shared.connections import Selection

router = APIRouter(prefix="/admin/v1", tags=["gateways"], route_class=UnitOfWorkRoute)

EVERYTHING = Selection()


@router.get("/gateways", responses=declare("unavailable"))
def list_gateways(_: MayOperate, unit: Unit, pods: Pods, paging: Paging) -> GatewayPage:
    """List the pods that live, and those that were lost within a minute."""
    mark = repository.get_state(unit.session).mark
    unit.release()  # no transaction waits for the network
    wanted = (paging.q or "").casefold()
    found = [pod for pod in pods.read(mark.digest) if wanted in pod.host.casefold() or wanted in pod.id]
    items = found[paging.offset : paging.offset + paging.limit]
    return GatewayPage(items=items, total=len(found), limit=paging.limit, offset=paging.offset, revision=mark.revision)


@router.get("/connections", responses=declare("unavailable"))
def list_connections(_: MayOperate, query: Selecting, paging: PartOf, connections: Connections) -> ConnectionPage:
    return connections.list_page(query.selection, paging)


@router.delete("/connections", responses=declare("unavailable"))
def close_connections(
    _: MayOperate, query: Selecting, unit: Unit, connections: Connections, *, everything: Everything = False
) -> ConnectionsClosed:
    """Close all that match."""
    closed = connections.close_all(query.selection, EVERYTHING, "closed_by_administrator", everything=everything)
    audit.record(unit.session, "connection.close", "connection", "*")
    return closed


@router.delete("/connections/{connection_id}", status_code=204, responses=declare("not_found", "unavailable"))
def close_connection(_: MayOperate, connection_id: ResourceId, unit: Unit, connections: Connections) -> None:
    connections.close_one(connection_id, EVERYTHING, "closed_by_administrator")
    audit.record(unit.session, "connection.close", "connection", connection_id)
