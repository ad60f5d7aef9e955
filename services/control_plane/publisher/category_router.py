"""Categories: kept by administrators, chosen by publishers."""

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayAdminister, MayOperate, MayReadApis
from services.control_plane.kit.pagination import Page, PageQuery, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher import repository
from services.control_plane.publisher.dependencies import Categories
from services.control_plane.publisher.metadata_schemas import CategoryCreate, CategoryRead, CategoryWrite
from services.control_plane.publisher.projection import read_category

router = APIRouter(prefix="/admin/v1/categories", tags=["categories"], route_class=UnitOfWorkRoute)
choices = APIRouter(prefix="/publisher/v1/categories", tags=["publisher"], route_class=UnitOfWorkRoute)


def _page(unit: Unit, paging: PageQuery) -> Page[CategoryRead]:
    rows, total = repository.list_categories(unit.session, paging)
    return Page(items=[read_category(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@choices.get("")
def list_choices(_: MayReadApis, unit: Unit, paging: Paging) -> Page[CategoryRead]:
    return _page(unit, paging)


@router.get("")
def list_categories(_: MayAdminister, unit: Unit, paging: Paging) -> Page[CategoryRead]:
    return _page(unit, paging)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_category(
    _: MayOperate, body: CategoryCreate, unit: Unit, categories: Categories, response: Response
) -> CategoryRead:
    category = categories.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{category.name}"
    tag(response, category.row_version)
    return read_category(category)


@router.get("/{name}", responses=declare("not_found"))
def get_category(
    _: MayAdminister, name: ResourceId, unit: Unit, categories: Categories, response: Response
) -> CategoryRead:
    category = categories.get(unit.session, name)
    tag(response, category.row_version)
    return read_category(category)


@router.put("/{name}", responses=declare("not_found", "precondition_failed"))
def replace_category(
    _: MayOperate,
    name: ResourceId,
    body: CategoryWrite,
    unit: Unit,
    categories: Categories,
    response: Response,
    if_match: IfMatch = None,
) -> CategoryRead:
    category = categories.get(unit.session, name)
    categories.replace(unit.session, category, body, if_match)
    tag(response, category.row_version)
    return read_category(category)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "in_use", "precondition_failed"))
def delete_category(
    _: MayOperate, name: ResourceId, unit: Unit, categories: Categories, if_match: IfMatch = None
) -> None:
    categories.delete(unit.session, categories.get(unit.session, name), if_match)
