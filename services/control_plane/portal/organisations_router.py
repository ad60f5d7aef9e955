"""Organisations, as the platform's administrators keep them."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.organisations import repository
from services.control_plane.organisations.dependencies import Organisations
from services.control_plane.organisations.schemas import OrganisationCreate
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame

router = APIRouter(prefix="/admin/organisations", route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("")
def list_organisations(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    return _show(frame, unit.session, paging)


@router.post("")
def create(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, organisations: Organisations) -> Response:
    try:
        body = build(OrganisationCreate, {name: sent.text(name) for name in ("name", "description")})
        organisations.create(unit.session, body)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit.session, PageQuery(limit=25), Mistakes.of(error), sent)
    return RedirectResponse("/admin/organisations?done=saved", 303)


@router.post("/{name}/delete")
def delete(
    frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, organisations: Organisations
) -> Response:
    try:
        organisations.delete(unit.session, organisations.get(unit.session, name), sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit.session, PageQuery(limit=25), Mistakes.of_button(error))
    return RedirectResponse("/admin/organisations?done=deleted", 303)


def _show(
    frame: Frame, session: Session, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = repository.list_page(session, paging)
    return frame.show(
        "admin/organisations.html",
        422 if mistakes else 200,
        items=rows,
        kept=DEFAULT_ORGANISATION,
        versions={row.name: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        mistakes=mistakes or Mistakes(),
        sent=sent or Fields(),
    )
