from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayOperate
from services.control_plane.issuers import repository
from services.control_plane.issuers.dependencies import Issuers
from services.control_plane.issuers.projection import read_issuer
from services.control_plane.issuers.schemas import IssuerCreate, IssuerRead, IssuerWrite
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/issuers", tags=["issuers"], route_class=UnitOfWorkRoute)


@router.get("")
def list_issuers(_: MayOperate, unit: Unit, paging: Paging) -> Page[IssuerRead]:
    rows, total = repository.list_page(unit.session, paging)
    return Page(items=[read_issuer(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_issuer(_: MayOperate, body: IssuerCreate, unit: Unit, issuers: Issuers, response: Response) -> IssuerRead:
    """Let publishers trust an issuer. Its keys are read at once, and from then on again and again."""
    keys = issuers.read_keys(body)  # before the transaction begins
    row = issuers.create(unit.session, body, keys)
    response.headers["Location"] = f"{router.prefix}/{row.name}"
    tag(response, row.row_version)
    return read_issuer(row)


@router.get("/{name}", responses=declare("not_found"))
def get_issuer(_: MayOperate, name: ResourceId, unit: Unit, issuers: Issuers, response: Response) -> IssuerRead:
    row = issuers.get(unit.session, name)
    tag(response, row.row_version)
    return read_issuer(row)


@router.put("/{name}", responses=declare("not_found", "precondition_failed"))
def replace_issuer(
    _: MayOperate,
    name: ResourceId,
    body: IssuerWrite,
    unit: Unit,
    issuers: Issuers,
    response: Response,
    if_match: IfMatch = None,
) -> IssuerRead:
    keys = issuers.read_keys(body)
    row = issuers.get(unit.session, name)
    issuers.replace(unit.session, row, body, keys, if_match)
    tag(response, row.row_version)
    return read_issuer(row)


@router.delete("/{name}", status_code=204, responses=declare("not_found", "in_use", "precondition_failed"))
def delete_issuer(_: MayOperate, name: ResourceId, unit: Unit, issuers: Issuers, if_match: IfMatch = None) -> None:
    issuers.delete(unit.session, issuers.get(unit.session, name), if_match)
