"""Gateway environments, as an administrator keeps them."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.environments import repository
from services.control_plane.environments.dependencies import Environments
from services.control_plane.environments.schemas import EnvironmentCreate, EnvironmentWrite
from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Operator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from shared.definition import DEFAULT_ENVIRONMENT

router = APIRouter(prefix="/admin/environments", route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("")
def list_environments(frame: PageFrame, _: Operator, unit: Unit, paging: Paging) -> Response:
    return _show_all(frame, unit, paging)


@router.post("")
def create(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, environments: Environments) -> Response:
    try:
        environments.create(unit.session, build(EnvironmentCreate, {"name": sent.text("name"), **_said(sent)}))
    except ProblemError as error:
        unit.close()
        return _show_all(frame, unit, PageQuery(limit=25), Mistakes.of(error), sent)
    return RedirectResponse("/admin/environments?done=saved", 303)


@router.get("/{name}")
def show(frame: PageFrame, _: Operator, name: ResourceId, unit: Unit, environments: Environments) -> Response:
    row = environments.get(unit.session, name)
    return _show_one(frame, name, row.model_dump(), etag(row.row_version))


@router.post("/{name}")
def save(
    frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, environments: Environments
) -> Response:
    row = environments.get(unit.session, name)
    try:
        environments.replace(unit.session, row, build(EnvironmentWrite, _said(sent)), sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show_one(frame, name, _said(sent), sent.next_match(error), Mistakes.of(error))
    return RedirectResponse("/admin/environments?done=saved", 303)


@router.post("/{name}/delete")
def delete(
    frame: PageFrame, _: Operator, name: ResourceId, sent: Sent, unit: Unit, environments: Environments
) -> Response:
    try:
        environments.delete(unit.session, environments.get(unit.session, name), sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show_all(frame, unit, PageQuery(limit=25), Mistakes.of_button(error))
    return RedirectResponse("/admin/environments?done=deleted", 303)


def _said(sent: Fields) -> dict[str, str | None]:
    urls = {"gateway_url": sent.text("gateway_url"), "gateway_tls_url": sent.text("gateway_tls_url") or None}
    return {"description": sent.text("description"), **urls}


def _show_all(
    frame: Frame, unit: Unit, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = repository.list_page(unit.session, paging)
    return frame.show(
        "admin/environments.html",
        422 if mistakes else 200,
        items=rows,
        kept=DEFAULT_ENVIRONMENT,
        versions={row.name: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        mistakes=mistakes or Mistakes(),
        values=_said(sent or Fields()),
        name=(sent or Fields()).text("name"),
    )


def _show_one(
    frame: Frame, name: str, values: dict[str, str | None], if_match: str, mistakes: Mistakes | None = None
) -> Response:
    return frame.show(
        "admin/environment.html",
        422 if mistakes else 200,
        name=name,
        values=values,
        kept=DEFAULT_ENVIRONMENT,
        if_match=if_match,
        mistakes=mistakes or Mistakes(),
    )
