"""Pictures of APIs, on the pages of those who see the API."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.files import send_picture
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Guest, Reader, Sent
from services.control_plane.portal.fields import Mistakes
from services.control_plane.portal.frame import PageFrame
from services.control_plane.portal.life_router import show_overview
from services.control_plane.portal.uploads import Uploaded
from services.control_plane.publisher.dependencies import Apis, Pictures
from services.control_plane.publisher.picture_router import Seen
from services.control_plane.store.dependencies import Store

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("/publisher/apis/{api_id}/thumbnail")
def show_to_publisher(
    caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, pictures: Pictures, seen: Seen = None
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    return send_picture(*pictures.read(unit.session, api), etag(api.row_version), seen)


@router.get("/store/apis/{api_id}/thumbnail")
def show_in_store(
    caller: Guest, api_id: ResourceId, unit: Unit, store: Store, pictures: Pictures, seen: Seen = None
) -> Response:
    api = store.find(unit.session, caller, api_id)
    return send_picture(*pictures.read(unit.session, api), etag(api.row_version), seen)


@router.post("/publisher/apis/{api_id}/thumbnail")
def put(
    frame: PageFrame,
    caller: Creator,
    api_id: ResourceId,
    upload: Uploaded,
    unit: Unit,
    apis: Apis,
    pictures: Pictures,
) -> Response:
    try:
        pictures.put(unit.session, apis.get(unit.session, api_id, caller), upload.content, None)
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        return show_overview(frame, unit.session, caller, api, Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{api_id}?done=saved", 303)


@router.post("/publisher/apis/{api_id}/thumbnail/delete")
def delete(caller: Creator, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis, pictures: Pictures) -> Response:
    pictures.delete(unit.session, apis.get(unit.session, api_id, caller), sent.if_match)
    return RedirectResponse(f"/publisher/apis/{api_id}?done=deleted", 303)
