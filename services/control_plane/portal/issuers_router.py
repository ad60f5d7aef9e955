"""External issuers, that publishers may trust."""

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.issuers import repository
from services.control_plane.issuers.dependencies import Issuers
from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.projection import read_issuer
from services.control_plane.issuers.schemas import IssuerCreate, IssuerWrite
from services.control_plane.kit.pagination import Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame

router = APIRouter(prefix="/admin/issuers", route_class=UnitOfWorkRoute, include_in_schema=False)

_BLANK: Final[dict[str, Any]] = dict.fromkeys(
    ("name", "issuer", "audience", "application_claim", "jwks_uri", "introspection"), None
)


@router.get("")
def list_issuers(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    rows, total = repository.list_page(unit.session, paging)
    page = {"total": total, "limit": paging.limit, "offset": paging.offset}
    return frame.show("admin/issuers.html", items=[read_issuer(row) for row in rows], page=page)


@router.get("/new")
def show_new(frame: PageFrame, _: Operator) -> Response:
    return _show(frame, None, _BLANK)


@router.post("/new")
def create(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, issuers: Issuers) -> Response:
    values = _read(sent)
    try:
        body = build(IssuerCreate, {"name": sent.text("name"), **values})
        issuers.create(unit.session, body, issuers.read_keys(body))  # the keys before the transaction begins
    except ProblemError as error:
        unit.close()
        return _show(frame, None, {"name": sent.text("name"), **values}, Mistakes.of(error))
    return RedirectResponse("/admin/issuers?done=saved", 303)


@router.get("/{name}")
def show(frame: PageFrame, _: Operator, name: ResourceId, unit: Unit, issuers: Issuers) -> Response:
    row = issuers.get(unit.session, name)
    return _show(frame, row, read_issuer(row).model_dump(), if_match=etag(row.row_version))


@router.post("/{name}")
def save(frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, issuers: Issuers) -> Response:
    values = _read(sent)
    try:
        body = build(IssuerWrite, values)
        keys = issuers.read_keys(body)
        issuers.replace(unit.session, issuers.get(unit.session, name), body, keys, sent.if_match)
    except ProblemError as error:
        unit.close()
        row = issuers.get(unit.session, name)
        return _show(frame, row, values, Mistakes.of(error), sent.next_match(error))
    return RedirectResponse("/admin/issuers?done=saved", 303)


@router.post("/{name}/delete")
def delete(frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, issuers: Issuers) -> Response:
    try:
        issuers.delete(unit.session, issuers.get(unit.session, name), sent.if_match)
    except ProblemError as error:
        unit.close()
        row = issuers.get(unit.session, name)
        values, version = read_issuer(row).model_dump(), etag(row.row_version)
        return _show(frame, row, values, Mistakes.of_button(error), version)
    return RedirectResponse("/admin/issuers?done=deleted", 303)


def _show(
    frame: Frame,
    row: ExternalIssuer | None,
    values: dict[str, Any],
    mistakes: Mistakes | None = None,
    if_match: str = "",
) -> Response:
    return frame.show(
        "admin/issuer.html",
        422 if mistakes else 200,
        issuer=read_issuer(row) if row else None,
        if_match=if_match,
        values=values,
        mistakes=mistakes or Mistakes(),
    )


def _read(sent: Fields) -> dict[str, Any]:
    """Return a form as the body that the REST takes. A secret that is left empty stays as it is set."""
    url, secret = sent.text("introspection_url"), sent.text("introspection_client_secret")
    client = {"url": url, "client_id": sent.text("introspection_client_id"), "client_secret": secret or True}
    return {
        **{name: sent.text(name) for name in ("issuer", "audience")},
        **{name: sent.text(name) or None for name in ("application_claim", "jwks_uri")},
        "introspection": client if url else None,
    }
