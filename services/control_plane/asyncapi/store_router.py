"""AsyncAPI documents for subscribers, and for anybody who may see the API."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from services.control_plane.asyncapi.dependencies import Documents
from services.control_plane.asyncapi.router import ANSWER
from services.control_plane.identity.dependencies import AnyCaller
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store.dependencies import Store

router = APIRouter(prefix="/store/v1", tags=["store"], route_class=UnitOfWorkRoute)


@router.get("/apis/{api_id}/asyncapi", response_class=JSONResponse, responses=ANSWER | declare("not_found"))
def get_asyncapi(caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store, documents: Documents) -> Response:
    api = store.find(unit.session, caller, api_id)
    return JSONResponse(documents.show(unit.session, api), headers={"ETag": etag(api.row_version)})
