from typing import Any, Final

from fastapi import APIRouter, Response

from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store import repository
from services.control_plane.store.api_key_schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead, ApiKeyWrite
from services.control_plane.store.dependencies import ApiKeys, Own
from services.control_plane.store.projection import read_api_key

PREFIX: Final = "/store/v1/applications/{application_id}/api-keys"

router = APIRouter(prefix=PREFIX, tags=["api keys"], route_class=UnitOfWorkRoute)


@router.get("", responses=declare("not_found"))
def list_api_keys(application: Own, unit: Unit, paging: Paging) -> Page[ApiKeyRead]:
    rows, total = repository.list_api_keys(unit.session, application.id, paging)
    return Page(items=[read_api_key(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("not_found", "conflict"))
def create_api_key(
    application: Own, body: ApiKeyCreate, unit: Unit, api_keys: ApiKeys, response: Response
) -> ApiKeyCreated:
    key, text = api_keys.create(unit.session, application, body)
    response.headers["Location"] = f"{PREFIX.format(application_id=application.id)}/{key.id}"
    response.headers["Cache-Control"] = "no-store"
    tag(response, key.row_version)
    return ApiKeyCreated(**read_api_key(key).model_dump(), api_key=text)


@router.get("/{key_id}", responses=declare("not_found"))
def get_api_key(application: Own, key_id: ResourceId, unit: Unit, api_keys: ApiKeys, response: Response) -> ApiKeyRead:
    key = api_keys.get(unit.session, application, key_id)
    tag(response, key.row_version)
    return read_api_key(key)


@router.put("/{key_id}", responses=declare("not_found", "precondition_failed"))
def replace_api_key(
    application: Own,
    key_id: ResourceId,
    body: ApiKeyWrite,
    unit: Unit,
    api_keys: ApiKeys,
    response: Response,
    if_match: IfMatch = None,
) -> ApiKeyRead:
    key = api_keys.get(unit.session, application, key_id)
    api_keys.replace(unit.session, key, body, if_match)
    tag(response, key.row_version)
    return read_api_key(key)


@router.patch("/{key_id}", responses=declare("not_found", "precondition_failed"))
def patch_api_key(
    application: Own,
    key_id: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    api_keys: ApiKeys,
    response: Response,
    if_match: IfMatch = None,
) -> ApiKeyRead:
    key = api_keys.get(unit.session, application, key_id)
    api_keys.patch(unit.session, key, body, if_match)
    tag(response, key.row_version)
    return read_api_key(key)


@router.delete("/{key_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_api_key(
    application: Own, key_id: ResourceId, unit: Unit, api_keys: ApiKeys, if_match: IfMatch = None
) -> None:
    api_keys.delete(unit.session, api_keys.get(unit.session, application, key_id), if_match)
