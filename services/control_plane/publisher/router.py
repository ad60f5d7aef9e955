from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayPublishApis, MayReadApis, MayWriteApis
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher import repository
from services.control_plane.publisher.addresses import urls_in_patch
from services.control_plane.publisher.dependencies import Addresses, Apis, Secrets, Tester
from services.control_plane.publisher.projection import read_lifecycle
from services.control_plane.publisher.publishing import Publishing
from services.control_plane.publisher.schemas import (
    ApiRead,
    ApiWrite,
    EndpointTests,
    LifecycleChange,
    LifecycleRead,
    VersionCreate,
)

router = APIRouter(prefix="/publisher/v1/apis", tags=["publisher"], route_class=UnitOfWorkRoute)


@router.get("")
def list_apis(caller: MayReadApis, unit: Unit, apis: Apis, paging: Paging) -> Page[ApiRead]:
    rows, total = apis.list_page(unit.session, caller, paging)
    return Page(items=apis.read(unit.session, *rows), total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_api(
    caller: MayWriteApis, body: ApiWrite, unit: Unit, apis: Apis, addresses: Addresses, response: Response
) -> ApiRead:
    addresses.check(list(body.endpoints.urls()))  # names are looked up before the transaction begins
    api = apis.create(unit.session, body, caller)
    response.headers["Location"] = f"{router.prefix}/{api.id}"
    tag(response, api.row_version)
    return apis.read(unit.session, api)[0]


@router.get("/{api_id}", responses=declare("not_found"))
def get_api(caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, response: Response) -> ApiRead:
    api = apis.get(unit.session, api_id, caller)
    tag(response, api.row_version)
    return apis.read(unit.session, api)[0]


@router.put("/{api_id}", responses=declare("not_found", "conflict", "already_exists", "precondition_failed"))
def replace_api(
    caller: MayWriteApis,
    api_id: ResourceId,
    body: ApiWrite,
    unit: Unit,
    apis: Apis,
    addresses: Addresses,
    response: Response,
    if_match: IfMatch = None,
) -> ApiRead:
    addresses.check(list(body.endpoints.urls()))
    api = apis.get(unit.session, api_id, caller)
    apis.replace(unit.session, api, body, caller, if_match)
    tag(response, api.row_version)
    return apis.read(unit.session, api)[0]


@router.patch("/{api_id}", responses=declare("not_found", "conflict", "already_exists", "precondition_failed"))
def patch_api(
    caller: MayWriteApis,
    api_id: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    apis: Apis,
    addresses: Addresses,
    response: Response,
    if_match: IfMatch = None,
) -> ApiRead:
    addresses.check(urls_in_patch(body))
    api = apis.get(unit.session, api_id, caller)
    apis.patch(unit.session, api, body, caller, if_match)
    tag(response, api.row_version)
    return apis.read(unit.session, api)[0]


@router.delete("/{api_id}", status_code=204, responses=declare("not_found", "in_use", "precondition_failed"))
def delete_api(caller: MayWriteApis, api_id: ResourceId, unit: Unit, apis: Apis, if_match: IfMatch = None) -> None:
    apis.delete(unit.session, apis.get(unit.session, api_id, caller), if_match)


@router.get("/{api_id}/lifecycle", responses=declare("not_found"))
def get_lifecycle(caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, response: Response) -> LifecycleRead:
    api = apis.get(unit.session, api_id, caller)
    tag(response, api.row_version)
    return read_lifecycle(api, repository.list_events(unit.session, api_id))


@router.post(
    "/{api_id}/lifecycle",
    responses=declare("not_found", "transition_not_open", "conflict", "precondition_failed"),
)
def change_lifecycle(
    caller: MayPublishApis,
    api_id: ResourceId,
    body: LifecycleChange,
    unit: Unit,
    apis: Apis,
    response: Response,
    if_match: IfMatch = None,
) -> LifecycleRead:
    api = apis.get(unit.session, api_id, caller)
    publishing = Publishing(not body.require_resubscription, body.deprecate_older_versions)
    apis.change_state(unit.session, api, body.action, caller, if_match, publishing)
    tag(response, api.row_version)
    return read_lifecycle(api, repository.list_events(unit.session, api_id))


@router.delete("/{api_id}/lifecycle/pending", status_code=204, responses=declare("not_found", "precondition_failed"))
def withdraw_publication(
    caller: MayPublishApis, api_id: ResourceId, unit: Unit, apis: Apis, if_match: IfMatch = None
) -> None:
    """Take back the step that waits for an approval."""
    apis.withdraw(unit.session, apis.get(unit.session, api_id, caller), if_match)


@router.post("/{api_id}/versions", status_code=201, responses=declare("not_found", "conflict", "already_exists"))
def create_version(
    caller: MayWriteApis, api_id: ResourceId, body: VersionCreate, unit: Unit, apis: Apis, response: Response
) -> ApiRead:
    copy = apis.copy(unit.session, apis.get(unit.session, api_id, caller), body, caller)
    response.headers["Location"] = f"{router.prefix}/{copy.id}"
    tag(response, copy.row_version)
    return apis.read(unit.session, copy)[0]


@router.post("/{api_id}/endpoints/test", responses=declare("not_found", "conflict"))
def try_endpoints(
    caller: MayWriteApis, api_id: ResourceId, unit: Unit, apis: Apis, secrets: Secrets, tester: Tester
) -> EndpointTests:
    api = apis.get(unit.session, api_id, caller)
    endpoints, access = api.endpoints, secrets.open(api)
    unit.release()  # no transaction waits for the network
    return EndpointTests(results=tester.test(endpoints, access))
