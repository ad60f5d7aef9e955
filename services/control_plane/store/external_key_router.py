from typing import Final

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MaySubscribe
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Applications, ExternalKeys, Own
from services.control_plane.store.external_key_schemas import ExternalKeyCreate, ExternalKeyRead
from services.control_plane.store.projection import read_external_key

PREFIX: Final = "/store/v1/applications/{application_id}/external-keys"

router = APIRouter(prefix=PREFIX, tags=["external keys"], route_class=UnitOfWorkRoute)


@router.get("", responses=declare("not_found"))
def list_external_keys(application: Own, unit: Unit, paging: Paging) -> Page[ExternalKeyRead]:
    rows, total = repository.list_external_keys(unit.session, application.id, paging)
    items = [read_external_key(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("not_found", "conflict", "already_exists"))
def create_external_key(
    caller: MaySubscribe,
    application_id: ResourceId,
    body: ExternalKeyCreate,
    unit: Unit,
    applications: Applications,
    external_keys: ExternalKeys,
    response: Response,
) -> ExternalKeyRead:
    """Map a client of an external issuer to an application."""
    client_id = external_keys.find_client(body)  # before the transaction begins
    application = applications.get(unit.session, application_id, caller.account_id)
    key = external_keys.create(unit.session, application, body, client_id)
    response.headers["Location"] = f"{PREFIX.format(application_id=application.id)}/{key.id}"
    tag(response, key.row_version)
    return read_external_key(key)


@router.get("/{key_id}", responses=declare("not_found"))
def get_external_key(
    application: Own, key_id: ResourceId, unit: Unit, external_keys: ExternalKeys, response: Response
) -> ExternalKeyRead:
    key = external_keys.get(unit.session, application, key_id)
    tag(response, key.row_version)
    return read_external_key(key)


@router.delete("/{key_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_external_key(
    application: Own, key_id: ResourceId, unit: Unit, external_keys: ExternalKeys, if_match: IfMatch = None
) -> None:
    external_keys.delete(unit.session, external_keys.get(unit.session, application, key_id), if_match)
