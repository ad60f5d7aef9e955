"""Pictures of APIs, for publishers."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from services.control_plane.identity.dependencies import MayReadApis, MayWriteApis
from services.control_plane.kit.files import FileBody, answers, describe, send_picture
from services.control_plane.kit.preconditions import IfMatch, etag, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis, Pictures
from services.control_plane.publisher.pictures import MEDIA_TYPES
from services.control_plane.publisher.projection import read_api
from services.control_plane.publisher.schemas import ApiRead

router = APIRouter(prefix="/publisher/v1/apis", tags=["publisher"], route_class=UnitOfWorkRoute)

PICTURE = answers(*MEDIA_TYPES) | {304: {"description": "It is the one of `If-None-Match`"}}
Seen = Annotated[str | None, Header(alias="If-None-Match", max_length=1000)]


@router.get("/{api_id}/thumbnail", response_class=Response, responses=PICTURE | declare("not_found"))
def get_thumbnail(
    caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, pictures: Pictures, seen: Seen = None
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    return send_picture(*pictures.read(unit.session, api), etag(api.row_version), seen)


@router.put(
    "/{api_id}/thumbnail",
    responses=declare("not_found", "precondition_failed"),
    openapi_extra={"requestBody": {"required": True, **describe(*MEDIA_TYPES)}},
)
def put_thumbnail(
    caller: MayWriteApis,
    api_id: ResourceId,
    content: FileBody,
    unit: Unit,
    apis: Apis,
    pictures: Pictures,
    response: Response,
    if_match: IfMatch = None,
) -> ApiRead:
    """Give an API a picture: PNG, JPEG or WebP, of 64 KiB at most."""
    api = apis.get(unit.session, api_id, caller)
    pictures.put(unit.session, api, content, if_match)
    tag(response, api.row_version)
    return read_api(api)


@router.delete("/{api_id}/thumbnail", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_thumbnail(
    caller: MayWriteApis, api_id: ResourceId, unit: Unit, apis: Apis, pictures: Pictures, if_match: IfMatch = None
) -> None:
    pictures.delete(unit.session, apis.get(unit.session, api_id, caller), if_match)
