"""AsyncAPI documents as pages: read by publishers and subscribers, replaced by publishers who saw what it breaks."""

import json
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Response
from fastapi.responses import RedirectResponse

from services.control_plane.asyncapi.checking import check
from services.control_plane.asyncapi.dependencies import Documents
from services.control_plane.asyncapi.importing import Imported
from services.control_plane.asyncapi.reading import Document, read_document
from services.control_plane.kit.documents import write_yaml
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import InvalidError, ProblemError
from services.control_plane.kit.routing import ReadingRoute, UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Guest, Reader, Sent
from services.control_plane.portal.asyncapi_view import view
from services.control_plane.portal.fields import Fields, Mistakes
from services.control_plane.portal.frame import PageFrame
from services.control_plane.publisher.dependencies import Addresses, Apis
from services.control_plane.publisher.projection import read_api
from services.control_plane.store.dependencies import Store

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)
reviews_router = APIRouter(route_class=ReadingRoute, include_in_schema=False)

DOCUMENT: Final = "document"
_FILE: Final = "file"

Form = Annotated[Literal["json", "yaml"], Path()]


@router.get("/store/apis/{api_id}/asyncapi")
def show_to_subscribers(
    frame: PageFrame, caller: Guest, api_id: ResourceId, unit: Unit, store: Store, documents: Documents
) -> Response:
    api, _ = store.get_api(unit.session, caller, api_id)
    document = documents.show(unit.session, store.find(unit.session, caller, api_id))
    return frame.show("store/asyncapi.html", api=api, document=view(document))


@router.get("/store/apis/{api_id}/asyncapi.{form}")
def send_to_subscribers(
    caller: Guest, api_id: ResourceId, form: Form, unit: Unit, store: Store, documents: Documents
) -> Response:
    return _send(documents.show(unit.session, store.find(unit.session, caller, api_id)), form)


@router.get("/publisher/apis/{api_id}/asyncapi")
def show(
    frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, documents: Documents
) -> Response:
    row = apis.get(unit.session, api_id, caller)
    return frame.show(
        "publisher/asyncapi.html",
        api=read_api(row),
        document=view(documents.read(unit.session, row)),
        given=documents.given_version(unit.session, row),
        mistakes=Mistakes(),
    )


@router.get("/publisher/apis/{api_id}/asyncapi.{form}")
def send(caller: Reader, api_id: ResourceId, form: Form, unit: Unit, apis: Apis, documents: Documents) -> Response:
    return _send(documents.read(unit.session, apis.get(unit.session, api_id, caller)), form)


@reviews_router.post("/publisher/apis/{api_id}/asyncapi/review")
def review(
    frame: PageFrame, caller: Creator, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis, documents: Documents
) -> Response:
    """Say what a document would change, before it is saved."""
    text, mistakes, new = "", Mistakes(), None
    try:
        text = _text_of(sent)
        new = check(read_document(text.encode()))
    except ProblemError as error:
        mistakes = Mistakes.of(error)
    row = apis.get(unit.session, api_id, caller)
    api, version = read_api(row), etag(row.row_version)
    if new is None:
        given, old = documents.given_version(unit.session, row), view(documents.read(unit.session, row))
        return frame.show("publisher/asyncapi.html", 422, api=api, document=old, given=given, mistakes=mistakes)
    try:
        diff = documents.foresee(unit.session, row, new)
    except InvalidError:
        diff = None  # too different to compare
    return frame.show(
        "publisher/asyncapi_review.html", api=api, text=text, if_match=version, diff=diff, document=view(new)
    )


@router.post("/publisher/apis/{api_id}/asyncapi")
def replace(caller: Creator, api_id: ResourceId, sent: Sent, unit: Unit, apis: Apis, documents: Documents) -> Response:
    given = read_document(_text_of(sent).encode())
    check(given)  # before the transaction begins: it takes a while
    api = apis.get(unit.session, api_id, caller)
    documents.replace(unit.session, api, given, sent.if_match)
    apis.tell_of_document(unit.session, api)
    return RedirectResponse(f"/publisher/apis/{api_id}/asyncapi?done=saved", 303)


@router.get("/publisher/import")
def show_import(frame: PageFrame, _: Creator) -> Response:
    return frame.show("publisher/import.html", api=None, sent=Fields(), mistakes=Mistakes())


@router.post("/publisher/import")
def import_api(
    frame: PageFrame, caller: Creator, sent: Sent, unit: Unit, apis: Apis, documents: Documents, addresses: Addresses
) -> Response:
    """Make an API of a document, and go on where its backend is."""
    try:
        given = read_document(_text_of(sent).encode())
        imported = Imported(check(given), sent.text("context") or None)
        body = imported.body()
        addresses.check([(imported.place(field), url) for field, url in body.endpoints.urls()])
        api = apis.create(unit.session, body, caller)
        documents.keep(unit.session, api, given)
    except ProblemError as error:
        unit.close()
        return frame.show("publisher/import.html", 422, api=None, sent=sent, mistakes=Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{api.id}/implement?done=created", 303)


def _text_of(sent: Fields) -> str:
    """Return the document of a form: the file, or else what was pasted. Raises `InvalidError`."""
    text = sent.text(_FILE) or sent.text(DOCUMENT)
    if not text:
        raise InvalidError.of(DOCUMENT, "choose a file, or paste the document")
    return text


def _send(document: Document, form: Literal["json", "yaml"]) -> Response:
    text = json.dumps(document, indent=2, ensure_ascii=False) if form == "json" else write_yaml(document)
    headers = {"Content-Disposition": f'attachment; filename="asyncapi.{form}"', "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type=f"application/{form}", headers=headers)
