"""Organisations: the platform's administrators keep them."""

from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayOperate
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.organisations import repository
from services.control_plane.organisations.dependencies import Organisations
from services.control_plane.organisations.schemas import OrganisationCreate, OrganisationRead, OrganisationWrite
from services.control_plane.organisations.service import read_organisation

router = APIRouter(prefix="/admin/v1/organisations", tags=["organisations"], route_class=UnitOfWorkRoute)


@router.get("")
def list_organisations(_: MayOperate, unit: Unit, paging: Paging) -> Page[OrganisationRead]:
    rows, total = repository.list_page(unit.session, paging)
    items = [read_organisation(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_organisation(
    _: MayOperate, body: OrganisationCreate, unit: Unit, organisations: Organisations, response: Response
) -> OrganisationRead:
    organisation = organisations.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{organisation.name}"
    tag(response, organisation.row_version)
    return read_organisation(organisation)


@router.get("/{name}", responses=declare("not_found"))
def get_organisation(
    _: MayOperate, name: ResourceId, unit: Unit, organisations: Organisations, response: Response
) -> OrganisationRead:
    organisation = organisations.get(unit.session, name)
    tag(response, organisation.row_version)
    return read_organisation(organisation)


@router.put("/{name}", responses=declare("not_found", "precondition_failed"))
def replace_organisation(
    _: MayOperate,
    name: ResourceId,
    body: OrganisationWrite,
    unit: Unit,
    organisations: Organisations,
    response: Response,
    if_match: IfMatch = None,
) -> OrganisationRead:
    organisation = organisations.get(unit.session, name)
    organisations.replace(unit.session, organisation, body, if_match)
    tag(response, organisation.row_version)
    return read_organisation(organisation)


@router.patch("/{name}", responses=declare("not_found", "precondition_failed"))
def patch_organisation(
    _: MayOperate,
    name: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    organisations: Organisations,
    response: Response,
    if_match: IfMatch = None,
) -> OrganisationRead:
    organisation = organisations.get(unit.session, name)
    organisations.patch(unit.session, organisation, body, if_match)
    tag(response, organisation.row_version)
    return read_organisation(organisation)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "conflict", "in_use", "precondition_failed"))
def delete_organisation(
    _: MayOperate, name: ResourceId, unit: Unit, organisations: Organisations, if_match: IfMatch = None
) -> None:
    organisations.delete(unit.session, organisations.get(unit.session, name), if_match)
