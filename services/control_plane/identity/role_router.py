from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import MayAdminister, MayOperate, Roles
from services.control_plane.identity.projection import read_role
from services.control_plane.identity.schemas import RoleCreate, RoleRead
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/roles", tags=["roles"], route_class=UnitOfWorkRoute)


@router.get("")
def list_roles(_: MayAdminister, unit: Unit, paging: Paging) -> Page[RoleRead]:
    rows, total = repository.list_roles(unit.session, paging)
    return Page(items=[read_role(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_role(_: MayOperate, body: RoleCreate, unit: Unit, roles: Roles, response: Response) -> RoleRead:
    """Make a role: a name with scopes, or with none, for who may see a restricted API."""
    role = roles.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{role.name}"
    tag(response, role.row_version)
    return read_role(role)


@router.get("/{name}", responses=declare("not_found"))
def get_role(_: MayAdminister, name: ResourceId, unit: Unit, roles: Roles, response: Response) -> RoleRead:
    role = roles.get(unit.session, name)
    tag(response, role.row_version)
    return read_role(role)


@router.patch("/{name}", responses=declare("not_found", "conflict", "precondition_failed"))
def patch_role(
    _: MayOperate,
    name: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    roles: Roles,
    response: Response,
    if_match: IfMatch = None,
) -> RoleRead:
    """Change the scopes of a role that is not built in."""
    role = roles.get(unit.session, name)
    roles.patch(unit.session, role, body, if_match)
    tag(response, role.row_version)
    return read_role(role)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "conflict", "in_use", "precondition_failed"))
def delete_role(_: MayOperate, name: ResourceId, unit: Unit, roles: Roles, if_match: IfMatch = None) -> None:
    roles.delete(unit.session, roles.get(unit.session, name), if_match)
