"""AsyncAPI documents for publishers."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.dependencies import Documents
from services.control_plane.asyncapi.importing import Imported
from services.control_plane.asyncapi.schemas import DiffRead
from services.control_plane.asyncapi.upload import REQUEST_BODY, Uploaded
from services.control_plane.identity.dependencies import MayReadApis, MayWriteApis
from services.control_plane.kit.preconditions import IfMatch, etag, tag
from services.control_plane.kit.problems import InvalidError, declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import Id, ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher import repository
from services.control_plane.publisher.dependencies import Addresses, Apis
from services.control_plane.publisher.schemas import ApiRead, Context

router = APIRouter(prefix="/publisher/v1/apis", tags=["publisher"], route_class=UnitOfWorkRoute)

ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
"""A document as OpenAPI tells of it. It is sent as it is: to check and copy it once more would only take time."""


@router.get("/{api_id}/asyncapi", response_class=JSONResponse, responses=ANSWER | declare("not_found"))
def get_asyncapi(caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, documents: Documents) -> Response:
    api = apis.get(unit.session, api_id, caller)
    return JSONResponse(documents.read(unit.session, api), headers={"ETag": etag(api.row_version)})


@router.put(
    "/{api_id}/asyncapi",
    response_class=JSONResponse,
    responses=ANSWER | declare("not_found", "precondition_failed"),
    openapi_extra=REQUEST_BODY,
)
def replace_asyncapi(
    caller: MayWriteApis,
    api_id: ResourceId,
    upload: Uploaded,
    unit: Unit,
    apis: Apis,
    documents: Documents,
    if_match: IfMatch = None,
) -> Response:
    document = upload.read()
    converted = check(document)  # before the transaction begins: it takes a while
    api = apis.get(unit.session, api_id, caller)
    documents.replace(unit.session, api, document, if_match)
    apis.tell_of_document(unit.session, api)
    return JSONResponse(converted, headers={"ETag": etag(api.row_version)})


@router.get("/{api_id}/asyncapi/diff", responses=declare("not_found"))
def compare_asyncapi(
    caller: MayReadApis,
    api_id: ResourceId,
    against: Annotated[Id, Query()],
    unit: Unit,
    apis: Apis,
    documents: Documents,
) -> DiffRead:
    """Compare an API's document with that of another API, as a rule an older version of it."""
    api = apis.get(unit.session, api_id, caller)
    other = repository.find_own(unit.session, against, caller)
    if other is None:
        raise InvalidError.of("against", "there is no such API")
    return documents.compare(unit.session, other, api)


@router.post("/import", status_code=201, responses=declare("already_exists"), openapi_extra=REQUEST_BODY)
def import_api(
    caller: MayWriteApis,
    upload: Uploaded,
    unit: Unit,
    apis: Apis,
    documents: Documents,
    addresses: Addresses,
    response: Response,
    context: Annotated[Context | None, Query()] = None,
) -> ApiRead:
    document = upload.read()
    imported = Imported(check(document), context)
    body = imported.body()
    addresses.check([(imported.place(field), url) for field, url in body.endpoints.urls()])
    api = apis.create(unit.session, body, caller)
    documents.keep(unit.session, api, document)
    response.headers["Location"] = f"{router.prefix}/{api.id}"
    tag(response, api.row_version)
    return apis.read(unit.session, api)[0]
