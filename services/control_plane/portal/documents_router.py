"""Documents of APIs: written by publishers, read in the store."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.kit.files import send_attachment
from services.control_plane.kit.markdown import render
from services.control_plane.kit.pagination import Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Guest, Reader, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.uploads import Upload, Uploaded
from services.control_plane.publisher import file_repository
from services.control_plane.publisher.dependencies import Apis, Shelf
from services.control_plane.publisher.document_schemas import DocumentContentRead, DocumentWrite, FileBody
from services.control_plane.publisher.file_models import Document
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import read_api
from services.control_plane.publisher.shelf import DocumentShelf, read_content
from services.control_plane.store.dependencies import Store

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

_ROOT: Final = "/publisher/apis/{api_id}/documents"
_BLANK: Final[dict[str, Any]] = {
    "name": "",
    "type": "HOWTO",
    "summary": "",
    "visibility": "api",
    "source": "markdown",
    "markdown": "",
    "url": "",
    "file_name": None,
}


@router.get(_ROOT)
def list_documents(
    frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, paging: Paging
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    rows, total = file_repository.list_documents(unit.session, api.id, paging, private=True)
    page = {"total": total, "limit": paging.limit, "offset": paging.offset}
    return frame.show("publisher/documents.html", api=read_api(api), items=rows, page=page)


@router.get(f"{_ROOT}/new")
def show_new(frame: PageFrame, caller: Creator, api_id: ResourceId, unit: Unit, apis: Apis) -> Response:
    return _show_form(frame, apis.get(unit.session, api_id, caller), None, _BLANK)


@router.post(_ROOT)
def create(
    frame: PageFrame, caller: Creator, api_id: ResourceId, upload: Uploaded, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    values = _read(upload.fields)
    try:
        body = build(DocumentWrite, values)
        document = shelf.create(unit.session, apis.get(unit.session, api_id, caller), body)
        _keep_file(unit.session, shelf, document, upload)
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        return _show_form(frame, api, None, {**_BLANK, **values}, Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{api_id}/documents/{document.id}?done=document", 303)


@router.get(f"{_ROOT}/{{document_id}}")
def show(
    frame: PageFrame, caller: Reader, api_id: ResourceId, document_id: ResourceId, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    document = shelf.get(unit.session, api, document_id, private=True)
    item, version, shown = read_content(document), etag(document.row_version), read_api(api)
    unit.release()  # a long text takes a while
    return frame.show("publisher/document.html", api=shown, item=item, version=version, html=_html(item))


@router.get(f"{_ROOT}/{{document_id}}/edit")
def show_form(
    frame: PageFrame, caller: Creator, api_id: ResourceId, document_id: ResourceId, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    document = shelf.get(unit.session, api, document_id, private=True)
    return _show_form(frame, api, document, read_content(document).model_dump())


@router.post(f"{_ROOT}/{{document_id}}")
def save(
    frame: PageFrame,
    caller: Creator,
    api_id: ResourceId,
    document_id: ResourceId,
    upload: Uploaded,
    unit: Unit,
    apis: Apis,
    shelf: Shelf,
) -> Response:
    values = _read(upload.fields)
    try:
        document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
        shelf.replace(unit.session, document, build(DocumentWrite, values), upload.fields.if_match)
        _keep_file(unit.session, shelf, document, upload)
    except ProblemError as error:
        unit.close()
        api = apis.get(unit.session, api_id, caller)
        document = shelf.get(unit.session, api, document_id, private=True)
        known = {**read_content(document).model_dump(), **values}
        return _show_form(frame, api, document, known, Mistakes.of(error), upload.fields.next_match(error))
    return RedirectResponse(f"/publisher/apis/{api_id}/documents/{document_id}?done=document", 303)


@router.post(f"{_ROOT}/{{document_id}}/delete")
def delete(
    caller: Creator, api_id: ResourceId, document_id: ResourceId, sent: Sent, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    shelf.delete(unit.session, document, sent.if_match)
    return RedirectResponse(f"/publisher/apis/{api_id}/documents?done=deleted", 303)


@router.get(f"{_ROOT}/{{document_id}}/file")
def send_to_publisher(
    caller: Reader, api_id: ResourceId, document_id: ResourceId, unit: Unit, apis: Apis, shelf: Shelf
) -> Response:
    document = shelf.get(unit.session, apis.get(unit.session, api_id, caller), document_id, private=True)
    return send_attachment(*shelf.read_file(unit.session, document), etag(document.row_version))


@router.get("/store/apis/{api_id}/documents/{document_id}")
def show_in_store(
    frame: PageFrame, caller: Guest, api_id: ResourceId, document_id: ResourceId, unit: Unit, store: Store, shelf: Shelf
) -> Response:
    api = store.find(unit.session, caller, api_id)
    item = read_content(shelf.get(unit.session, api, document_id, private=False))
    unit.release()
    return frame.show("store/document.html", api=api, item=item, html=_html(item))


@router.get("/store/apis/{api_id}/documents/{document_id}/file")
def send_in_store(
    caller: Guest, api_id: ResourceId, document_id: ResourceId, unit: Unit, store: Store, shelf: Shelf
) -> Response:
    document = shelf.get(unit.session, store.find(unit.session, caller, api_id), document_id, private=False)
    return send_attachment(*shelf.read_file(unit.session, document), etag(document.row_version))


def _html(item: DocumentContentRead) -> str:
    return render(item.markdown) if item.markdown else ""


def _read(sent: Fields) -> dict[str, Any]:
    """Return the body of a form: of texts and links that of the source chosen alone."""
    source = sent.text("source")
    content = {source: sent.text(source) or None} if source in ("markdown", "url") else {}
    return {
        **{name: sent.text(name) for name in ("name", "type", "summary", "visibility")},
        "source": source,
        **content,
    }


def _keep_file(session: Session, shelf: DocumentShelf, document: Document, upload: Upload) -> None:
    if document.source == "file" and upload.name:
        name = build(FileBody, {"file": upload.name}).file
        shelf.put_file(session, document, name, upload.content, None)


def _show_form(
    frame: Frame,
    api: Api,
    document: Document | None,
    values: dict[str, Any],
    mistakes: Mistakes | None = None,
    if_match: str = "",
) -> Response:
    return frame.show(
        "publisher/document_form.html",
        422 if mistakes else 200,
        api=read_api(api),
        document=document,
        values=values,
        if_match=if_match or (etag(document.row_version) if document else ""),
        mistakes=mistakes or Mistakes(),
    )
