"""Documents of APIs, for publishers."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from services.control_plane.identity.dependencies import MayReadApis, MayWriteApis
from services.control_plane.kit.files import BINARY, FileBody, answers, describe, send_attachment
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, etag, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.dependencies import Apis, Shelf
from services.control_plane.publisher.document_schemas import (
    DocumentContentRead,
    DocumentRead,
    DocumentWrite,
    FileName,
)
from services.control_plane.publisher.shelf import read_content, read_document

PREFIX: Final = "/publisher/v1/apis"

router = APIRouter(prefix=PREFIX, tags=["publisher"], route_class=UnitOfWorkRoute)


@router.get("/{api_id}/documents", responses=declare("not_found"))
def list_documents(
    caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, paging: Paging
) -> Page[DocumentRead]:
    api = apis.get(unit.session, api_id, caller)
    rows, total = file_repository.list_documents(unit.session, api.id, paging, private=True)
    return Page(items=[read_document(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("/{api_id}/documents", status_code=201, responses=declare("not_found", "already_exists", "conflict"))
def create_document(
    caller: MayWriteApis,
    api_id: ResourceId,
    body: DocumentWrite,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
    response: Response,
) -> DocumentContentRead:
    document = shelf.create(unit.session, apis.get(unit.session, api_id, caller), body)
    response.headers["Location"] = f"{PREFIX}/{api_id}/documents/{document.id}"
    tag(response, document.row_version)
    return read_content(document)


@router.get("/{api_id}/documents/{document_id}", responses=declare("not_found"))
def get_document(
    caller: MayReadApis,
    api_id: ResourceId,
    document_id: ResourceId,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
    response: Response,
) -> DocumentContentRead:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    tag(response, document.row_version)
    return read_content(document)


@router.put(
    "/{api_id}/documents/{document_id}", responses=declare("not_found", "already_exists", "precondition_failed")
)
def replace_document(
    caller: MayWriteApis,
    api_id: ResourceId,
    document_id: ResourceId,
    body: DocumentWrite,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
    response: Response,
    if_match: IfMatch = None,
) -> DocumentContentRead:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    shelf.replace(unit.session, document, body, if_match)
    tag(response, document.row_version)
    return read_content(document)


@router.delete(
    "/{api_id}/documents/{document_id}", status_code=204, responses=declare("not_found", "precondition_failed")
)
def delete_document(
    caller: MayWriteApis,
    api_id: ResourceId,
    document_id: ResourceId,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
    if_match: IfMatch = None,
) -> None:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    shelf.delete(unit.session, document, if_match)


@router.get(
    "/{api_id}/documents/{document_id}/file",
    response_class=Response,
    responses=answers(BINARY) | declare("not_found"),
)
def get_file(
    caller: MayReadApis, api_id: ResourceId, document_id: ResourceId, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    return send_attachment(*shelf.read_file(unit.session, document), etag(document.row_version))


@router.put(
    "/{api_id}/documents/{document_id}/file",
    responses=declare("not_found", "conflict", "precondition_failed"),
    openapi_extra={"requestBody": {"required": True, **describe(BINARY)}},
)
def put_file(
    caller: MayWriteApis,
    api_id: ResourceId,
    document_id: ResourceId,
    name: Annotated[FileName, Query(description="what it is saved as")],
    content: FileBody,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
    response: Response,
    if_match: IfMatch = None,
) -> DocumentContentRead:
    """Put the file of a document whose source is a file: 512 KiB at most."""
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    shelf.put_file(unit.session, document, name, content, if_match)
    tag(response, document.row_version)
    return read_content(document)
