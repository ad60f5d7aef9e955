"""Tails: of all for administrators, of an API for its publisher, of an application for its owner."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from services.control_plane.fleet.dependencies import Tails
from services.control_plane.fleet.schemas import TailQuery, Watching
from services.control_plane.fleet.tails import TailService
from services.control_plane.identity.dependencies import MayAdminister, MayReadApis
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Own
from shared.definition import ApiId
from shared.subscription import ApplicationId

router = APIRouter(tags=["connections"], route_class=UnitOfWorkRoute)
applications = APIRouter(
    prefix="/store/v1/applications/{application_id}", tags=["connections"], route_class=UnitOfWorkRoute
)

_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line of JSON an event, as they happen",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


@router.get("/admin/v1/tail", response_class=StreamingResponse, responses=_LINES | declare("unavailable"))
def tail(_: MayAdminister, query: Watching, unit: Unit, tails: Tails) -> StreamingResponse:
    """Tell what happens on connections."""
    unit.release()  # no transaction waits for the network
    return _answer(tails, query)


@router.get(
    "/publisher/v1/apis/{api_id}/tail",
    response_class=StreamingResponse,
    responses=_LINES | declare("not_found", "unavailable"),
)
def tail_api(
    caller: MayReadApis, api_id: ResourceId, query: Watching, unit: Unit, apis: Apis, tails: Tails
) -> StreamingResponse:
    """Tell what happens on the connections of an API."""
    api = apis.get(unit.session, api_id, caller)
    mine = {"api_id": ApiId(api.id)}
    unit.release()
    return _answer(tails, query, **mine)


@applications.get("/tail", response_class=StreamingResponse, responses=_LINES | declare("not_found", "unavailable"))
def tail_application(application: Own, query: Watching, unit: Unit, tails: Tails) -> StreamingResponse:
    """Tell what happens on the connections of an application of one's own."""
    mine = {"application_id": ApplicationId(application.id)}
    unit.release()
    return _answer(tails, query, **mine)


def _answer(tails: TailService, query: TailQuery, **mine: str) -> StreamingResponse:
    selection = query.selection.model_copy(update=mine)  # whatever else is asked for, nothing beyond it
    lines = tails.watch(selection, query.sample, query.seconds)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})
