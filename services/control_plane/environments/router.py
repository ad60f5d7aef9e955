"""Gateway environments: groups of pods by their label, and where clients reach them."""

from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.environments import repository
from services.control_plane.environments.dependencies import Environments
from services.control_plane.environments.schemas import EnvironmentCreate, EnvironmentRead, EnvironmentWrite
from services.control_plane.environments.service import read_environment
from services.control_plane.identity.dependencies import MayAdminister, MayOperate
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/environments", tags=["environments"], route_class=UnitOfWorkRoute)


@router.get("")
def list_environments(_: MayAdminister, unit: Unit, paging: Paging) -> Page[EnvironmentRead]:
    rows, total = repository.list_page(unit.session, paging)
    items = [read_environment(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_environment(
    _: MayOperate, body: EnvironmentCreate, unit: Unit, environments: Environments, response: Response
) -> EnvironmentRead:
    environment = environments.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{environment.name}"
    tag(response, environment.row_version)
    return read_environment(environment)


@router.get("/{name}", responses=declare("not_found"))
def get_environment(
    _: MayAdminister, name: ResourceId, unit: Unit, environments: Environments, response: Response
) -> EnvironmentRead:
    environment = environments.get(unit.session, name)
    tag(response, environment.row_version)
    return read_environment(environment)


@router.put("/{name}", responses=declare("not_found", "precondition_failed"))
def replace_environment(
    _: MayOperate,
    name: ResourceId,
    body: EnvironmentWrite,
    unit: Unit,
    environments: Environments,
    response: Response,
    if_match: IfMatch = None,
) -> EnvironmentRead:
    environment = environments.get(unit.session, name)
    environments.replace(unit.session, environment, body, if_match)
    tag(response, environment.row_version)
    return read_environment(environment)


@router.patch("/{name}", responses=declare("not_found", "precondition_failed"))
def patch_environment(
    _: MayOperate,
    name: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    environments: Environments,
    response: Response,
    if_match: IfMatch = None,
) -> EnvironmentRead:
    environment = environments.get(unit.session, name)
    environments.patch(unit.session, environment, body, if_match)
    tag(response, environment.row_version)
    return read_environment(environment)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "conflict", "in_use", "precondition_failed"))
def delete_environment(
    _: MayOperate, name: ResourceId, unit: Unit, environments: Environments, if_match: IfMatch = None
) -> None:
    environments.delete(unit.session, environments.get(unit.session, name), if_match)
