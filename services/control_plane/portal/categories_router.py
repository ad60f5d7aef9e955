"""Categories, as an administrator keeps them."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.publisher import repository
from services.control_plane.publisher.dependencies import Categories
from services.control_plane.publisher.metadata_schemas import CategoryCreate

router = APIRouter(prefix="/admin/categories", route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("")
def list_categories(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    return _show(frame, unit.session, paging)


@router.post("")
def create(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, categories: Categories) -> Response:
    try:
        body = build(CategoryCreate, {name: sent.text(name) for name in ("name", "description")})
        categories.create(unit.session, body)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit.session, PageQuery(limit=25), Mistakes.of(error), sent)
    return RedirectResponse("/admin/categories?done=saved", 303)


@router.post("/{name}/delete")
def delete(frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, categories: Categories) -> Response:
    try:
        categories.delete(unit.session, categories.get(unit.session, name), sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit.session, PageQuery(limit=25), Mistakes.of_button(error))
    return RedirectResponse("/admin/categories?done=deleted", 303)


def _show(
    frame: Frame, session: Session, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = repository.list_categories(session, paging)
    return frame.show(
        "admin/categories.html",
        422 if mistakes else 200,
        items=rows,
        versions={row.name: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        mistakes=mistakes or Mistakes(),
        sent=sent or Fields(),
    )
