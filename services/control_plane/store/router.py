from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from services.control_plane.identity.dependencies import AnyCaller, MaySubscribe
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import Id, ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.schemas import Tag
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Applications, Quotas, Store, Subscriptions
from services.control_plane.store.projection import read_application, read_subscription
from services.control_plane.store.schemas import (
    ApplicationRead,
    ApplicationWrite,
    QuotasRead,
    StoreApiRead,
    SubscriptionCreate,
    SubscriptionPatch,
    SubscriptionRead,
    TagRead,
)

PREFIX: Final = "/store/v1"

router = APIRouter(prefix=PREFIX, tags=["store"], route_class=UnitOfWorkRoute)


@router.get("/apis")
def list_apis(
    caller: AnyCaller,
    unit: Unit,
    store: Store,
    paging: Paging,
    of_tag: Annotated[Tag | None, Query(alias="tag")] = None,
) -> Page[StoreApiRead]:
    return store.list_apis(unit.session, caller, of_tag, paging)


@router.get("/apis/{api_id}", responses=declare("not_found"))
def get_api(caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store, response: Response) -> StoreApiRead:
    api, version = store.get_api(unit.session, caller, api_id)
    tag(response, version)
    return api


@router.get("/tags")
def list_tags(caller: AnyCaller, unit: Unit, store: Store) -> list[TagRead]:
    return store.list_tags(unit.session, caller)


@router.get("/applications")
def list_applications(caller: MaySubscribe, unit: Unit, paging: Paging) -> Page[ApplicationRead]:
    rows, total = repository.list_applications(unit.session, caller.account_id, paging)
    return Page(items=[read_application(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("/applications", status_code=201, responses=declare("already_exists", "conflict"))
def create_application(
    caller: MaySubscribe, body: ApplicationWrite, unit: Unit, applications: Applications, response: Response
) -> ApplicationRead:
    application = applications.create(unit.session, body, caller.account_id)
    response.headers["Location"] = f"{PREFIX}/applications/{application.id}"
    tag(response, application.row_version)
    return read_application(application)


@router.get("/applications/{application_id}", responses=declare("not_found"))
def get_application(
    caller: MaySubscribe, application_id: ResourceId, unit: Unit, applications: Applications, response: Response
) -> ApplicationRead:
    application = applications.get(unit.session, application_id, caller.account_id)
    tag(response, application.row_version)
    return read_application(application)


@router.put("/applications/{application_id}", responses=declare("not_found", "already_exists", "precondition_failed"))
def replace_application(
    caller: MaySubscribe,
    application_id: ResourceId,
    body: ApplicationWrite,
    unit: Unit,
    applications: Applications,
    response: Response,
    if_match: IfMatch = None,
) -> ApplicationRead:
    application = applications.get(unit.session, application_id, caller.account_id)
    applications.replace(unit.session, application, body, if_match)
    tag(response, application.row_version)
    return read_application(application)


@router.patch("/applications/{application_id}", responses=declare("not_found", "already_exists", "precondition_failed"))
def patch_application(
    caller: MaySubscribe,
    application_id: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    applications: Applications,
    response: Response,
    if_match: IfMatch = None,
) -> ApplicationRead:
    application = applications.get(unit.session, application_id, caller.account_id)
    applications.patch(unit.session, application, body, if_match)
    tag(response, application.row_version)
    return read_application(application)


@router.delete("/applications/{application_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_application(
    caller: MaySubscribe,
    application_id: ResourceId,
    unit: Unit,
    applications: Applications,
    if_match: IfMatch = None,
) -> None:
    application = applications.get(unit.session, application_id, caller.account_id)
    applications.delete(unit.session, application, if_match)


@router.get("/applications/{application_id}/quota", responses=declare("not_found", "unavailable"))
def read_quota(
    caller: MaySubscribe, application_id: ResourceId, unit: Unit, applications: Applications, quotas: Quotas
) -> QuotasRead:
    application = applications.get(unit.session, application_id, caller.account_id)
    listed = quotas.list_quotas(unit.session, application)
    unit.release()  # no transaction waits for the network
    return QuotasRead(items=quotas.read(listed))


@router.get("/subscriptions")
def list_subscriptions(
    caller: MaySubscribe, unit: Unit, paging: Paging, application_id: Id | None = None, api_id: Id | None = None
) -> Page[SubscriptionRead]:
    rows, total = repository.list_subscriptions(unit.session, caller.account_id, application_id, api_id, paging)
    return Page(items=[read_subscription(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("/subscriptions", status_code=201, responses=declare("not_found", "already_exists", "conflict"))
def create_subscription(
    caller: MaySubscribe, body: SubscriptionCreate, unit: Unit, subscriptions: Subscriptions, response: Response
) -> SubscriptionRead:
    subscription = subscriptions.create(unit.session, body, caller)
    response.headers["Location"] = f"{PREFIX}/subscriptions/{subscription.id}"
    tag(response, subscription.row_version)
    return read_subscription(subscription)


@router.get("/subscriptions/{subscription_id}", responses=declare("not_found"))
def get_subscription(
    caller: MaySubscribe, subscription_id: ResourceId, unit: Unit, subscriptions: Subscriptions, response: Response
) -> SubscriptionRead:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    tag(response, subscription.row_version)
    return read_subscription(subscription)


@router.patch(
    "/subscriptions/{subscription_id}",
    responses=declare("not_found", "already_exists", "conflict", "precondition_failed"),
)
def move_subscription(
    caller: MaySubscribe,
    subscription_id: ResourceId,
    body: SubscriptionPatch,
    unit: Unit,
    subscriptions: Subscriptions,
    response: Response,
    if_match: IfMatch = None,
) -> SubscriptionRead:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    subscriptions.change(unit.session, subscription, body, caller, if_match)
    tag(response, subscription.row_version)
    return read_subscription(subscription)


@router.delete(
    "/subscriptions/{subscription_id}", status_code=204, responses=declare("not_found", "precondition_failed")
)
def delete_subscription(
    caller: MaySubscribe,
    subscription_id: ResourceId,
    unit: Unit,
    subscriptions: Subscriptions,
    if_match: IfMatch = None,
) -> None:
    subscription = subscriptions.get(unit.session, subscription_id, caller.account_id)
    subscriptions.delete(unit.session, subscription, if_match)
