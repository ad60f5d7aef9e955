from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.throttling import repository
from services.control_plane.throttling.dependencies import LevelFilter, Policies
from services.control_plane.throttling.projection import read_policy
from services.control_plane.throttling.schemas import PolicyRead, PolicyWrite

router = APIRouter(prefix="/admin/v1/policies", tags=["policies"], route_class=UnitOfWorkRoute)


@router.get("")
def list_policies(unit: Unit, paging: Paging, level: LevelFilter = None) -> Page[PolicyRead]:
    rows, total = repository.list_page(unit.session, level, paging)
    return Page(
        items=[read_policy(row, whole=unit.sees_all) for row in rows],
        total=total,
        limit=paging.limit,
        offset=paging.offset,
    )


@router.post("", status_code=201, responses=declare("already_exists", "idempotency_key_reused"))
def create_policy(body: PolicyWrite, unit: Unit, policies: Policies, response: Response) -> PolicyRead:
    policy = policies.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{policy.name}?level={policy.level}"
    tag(response, policy.row_version)
    return read_policy(policy)


@router.get("/{name}", responses=declare("not_found"))
def get_policy(
    name: ResourceId, unit: Unit, policies: Policies, response: Response, level: LevelFilter = None
) -> PolicyRead:
    policy = policies.get(unit.session, name, level)
    tag(response, policy.row_version)
    return read_policy(policy, whole=unit.sees_all)


@router.put("/{name}", responses=declare("not_found", "precondition_failed"))
def replace_policy(
    name: ResourceId,
    body: PolicyWrite,
    unit: Unit,
    policies: Policies,
    response: Response,
    if_match: IfMatch = None,
    level: LevelFilter = None,
) -> PolicyRead:
    policy = policies.get(unit.session, name, level)
    policies.replace(unit.session, policy, body, if_match)
    tag(response, policy.row_version)
    return read_policy(policy)


@router.patch("/{name}", responses=declare("not_found", "precondition_failed"))
def patch_policy(
    name: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    policies: Policies,
    response: Response,
    if_match: IfMatch = None,
    level: LevelFilter = None,
) -> PolicyRead:
    policy = policies.get(unit.session, name, level)
    policies.patch(unit.session, policy, body, if_match)
    tag(response, policy.row_version)
    return read_policy(policy)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "in_use", "precondition_failed"))
def delete_policy(
    name: ResourceId, unit: Unit, policies: Policies, if_match: IfMatch = None, level: LevelFilter = None
) -> None:
    policies.delete(unit.session, policies.get(unit.session, name, level), if_match)
