from fastapi import APIRouter

from services.control_plane.identity.dependencies import MayAdminister
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store.dependencies import ExternalKeys
from services.control_plane.store.external_key_schemas import MappedClientRead
from services.control_plane.store.projection import read_mapped_client

router = APIRouter(prefix="/admin/v1/external-keys", tags=["external keys"], route_class=UnitOfWorkRoute)


@router.get("")
def list_mapped_clients(
    _: MayAdminister, unit: Unit, paging: Paging, external_keys: ExternalKeys
) -> Page[MappedClientRead]:
    rows, total = external_keys.list_all(unit.session, paging)
    items = [read_mapped_client(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.delete("/{key_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_mapped_client(
    _: MayAdminister, key_id: ResourceId, unit: Unit, external_keys: ExternalKeys, if_match: IfMatch = None
) -> None:
    """Take a client from an application, so that another may have it."""
    external_keys.delete(unit.session, external_keys.get_any(unit.session, key_id), if_match)
