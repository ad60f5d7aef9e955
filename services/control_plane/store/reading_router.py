"""Pictures and documents of APIs, for subscribers and for anybody who may see the API."""

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import AnyCaller
from services.control_plane.kit.files import BINARY, answers, send_attachment, send_picture
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import etag, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.dependencies import Pictures, Shelf
from services.control_plane.publisher.document_schemas import DocumentContentRead, DocumentRead
from services.control_plane.publisher.picture_router import PICTURE, Seen
from services.control_plane.publisher.shelf import read_content, read_document
from services.control_plane.store.dependencies import Store

router = APIRouter(prefix="/store/v1/apis", tags=["store"], route_class=UnitOfWorkRoute)


@router.get("/{api_id}/thumbnail", response_class=Response, responses=PICTURE | declare("not_found"))
def get_thumbnail(
    caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store, pictures: Pictures, seen: Seen = None
) -> Response:
    api = store.find(unit.session, caller, api_id)
    return send_picture(*pictures.read(unit.session, api), etag(api.row_version), seen)


@router.get("/{api_id}/documents", responses=declare("not_found"))
def list_documents(
    caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store, paging: Paging
) -> Page[DocumentRead]:
    api = store.find(unit.session, caller, api_id)
    rows, total = file_repository.list_documents(unit.session, api.id, paging, private=False)
    return Page(items=[read_document(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.get("/{api_id}/documents/{document_id}", responses=declare("not_found"))
def get_document(
    caller: AnyCaller,
    api_id: ResourceId,
    document_id: ResourceId,
    unit: Unit,
    store: Store,
    shelf: Shelf,
    response: Response,
) -> DocumentContentRead:
    document = shelf.get(unit.session, store.find(unit.session, caller, api_id), document_id, private=False)
    tag(response, document.row_version)
    return read_content(document)


@router.get(
    "/{api_id}/documents/{document_id}/file",
    response_class=Response,
    responses=answers(BINARY) | declare("not_found"),
)
def get_file(
    caller: AnyCaller, api_id: ResourceId, document_id: ResourceId, unit: Unit, store: Store, shelf: Shelf
) -> Response:
    document = shelf.get(unit.session, store.find(unit.session, caller, api_id), document_id, private=False)
    return send_attachment(*shelf.read_file(unit.session, document), etag(document.row_version))
