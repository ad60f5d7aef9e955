"""Roles, as an administrator keeps them."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import Roles
from services.control_plane.identity.projection import read_role
from services.control_plane.identity.schemas import RoleCreate
from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit, UnitOfWork
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.words import scope_words

router = APIRouter(prefix="/admin/roles", route_class=UnitOfWorkRoute, include_in_schema=False)

_FIRST: PageQuery = PageQuery(limit=25)


@router.get("")
def list_roles(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    return _show(frame, unit, paging)


@router.post("")
def create_role(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, roles: Roles) -> Response:
    try:
        roles.create(unit.session, build(RoleCreate, {"name": sent.text("name"), "scopes": sent.all("scopes")}))
    except ProblemError as error:
        unit.close()
        return _show(frame, unit, _FIRST, Mistakes.of(error), sent)
    return RedirectResponse("/admin/roles?done=saved", 303)


@router.post("/{name}/change")
def change_role(frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, roles: Roles) -> Response:
    try:
        roles.patch(unit.session, roles.get(unit.session, name), {"scopes": sent.all("scopes")}, sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit, _FIRST, Mistakes.of(error))
    return RedirectResponse("/admin/roles?done=saved", 303)


@router.post("/{name}/delete")
def delete_role(frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, roles: Roles) -> Response:
    try:
        roles.delete(unit.session, roles.get(unit.session, name), sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit, _FIRST, Mistakes.of_button(error))
    return RedirectResponse("/admin/roles?done=deleted", 303)


def _show(
    frame: Frame, unit: UnitOfWork, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = repository.list_roles(unit.session, paging)
    return frame.show(
        "admin/roles.html",
        422 if mistakes else 200,
        items=[read_role(row) for row in rows],
        versions={row.name: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        scope_words=scope_words(),
        mistakes=mistakes or Mistakes(),
        sent=sent or Fields(),
    )
