"""Pods, and the connections that are open on them."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from services.control_plane.catalogue import repository as catalogue
from services.control_plane.fleet.connections import ConnectionService
from services.control_plane.fleet.dependencies import Connections, Pods
from services.control_plane.fleet.schemas import MAX_OFFSET, ConnectionPaging, Text
from services.control_plane.kit import audit
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Operator, Reader, Sent
from services.control_plane.portal.fields import Mistakes
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.publisher.projection import read_api
from shared.connections import Selection
from shared.definition import ApiId

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

_ALL: Final = Selection()

Offset = Annotated[int, Query(ge=0, le=MAX_OFFSET)]


@dataclass(frozen=True, slots=True)
class ConnectionsPage:
    """Open connections, as far as pods say. That Redis or pods are silent is told on the page."""

    frame: Frame
    connections: ConnectionService

    def show(self, template: str, selection: Selection, offset: int, **more: Any) -> Response:
        page, mistakes = None, Mistakes()
        try:
            page = self.connections.list_page(selection, ConnectionPaging(25, offset, "-opened_at"))
        except ProblemError as error:
            mistakes = Mistakes.of(error)
        status = 503 if mistakes else 200
        return self.frame.show(template, status, page=page, q=selection.text or "", mistakes=mistakes, **more)


async def _page(frame: PageFrame, connections: Connections) -> ConnectionsPage:
    return ConnectionsPage(frame, connections)


OpenConnections = Annotated[ConnectionsPage, Depends(_page)]


@router.get("/admin/gateways")
def list_pods(frame: PageFrame, _: Operator, unit: Unit, pods: Pods) -> Response:
    mark = catalogue.get_state(unit.session).mark
    unit.release()  # no transaction waits for the network
    found, mistakes = [], Mistakes()
    try:
        found = pods.read(mark.digest)
    except ProblemError as error:
        mistakes = Mistakes.of(error)
    status = 503 if mistakes else 200
    return frame.show("admin/gateways.html", status, items=found, revision=mark.revision, mistakes=mistakes)


@router.get("/admin/connections")
def list_connections(page: OpenConnections, _: Operator, q: Text | None = None, offset: Offset = 0) -> Response:
    return page.show("admin/connections.html", Selection(text=q or None), offset)


@router.post("/admin/connections/{connection_id}/close")
def close_connection(
    _: Operator, connection_id: ResourceId, __: Sent, unit: Unit, connections: Connections
) -> Response:
    connections.close_one(connection_id, _ALL, "closed_by_administrator")
    audit.record(unit.session, "connection.close", "connection", connection_id)
    return RedirectResponse("/admin/connections?done=closed", 303)


@router.get("/publisher/apis/{api_id}/connections")
def list_connections_to(
    page: OpenConnections, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, offset: Offset = 0
) -> Response:
    api = read_api(apis.get(unit.session, api_id, caller))
    unit.release()  # no transaction waits for the network
    return page.show("publisher/connections.html", Selection(api_id=ApiId(api.id)), offset, api=api)


@router.post("/publisher/apis/{api_id}/connections/{connection_id}/close")
def close_connection_to(
    caller: Creator,
    api_id: ResourceId,
    connection_id: ResourceId,
    _: Sent,
    unit: Unit,
    apis: Apis,
    connections: Connections,
) -> Response:
    api_id = apis.get(unit.session, api_id, caller).id
    unit.release()  # no transaction waits for the network
    connections.close_one(connection_id, Selection(api_id=ApiId(api_id)), "closed_by_publisher")
    audit.record(unit.session, "connection.close", "connection", connection_id)
    return RedirectResponse(f"/publisher/apis/{api_id}/connections?done=closed", 303)
