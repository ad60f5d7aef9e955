"""What publishers do with the subscriptions to their APIs."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from services.control_plane.identity.dependencies import MayReadApis, MayWriteApis
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store import repository
from services.control_plane.store.dependencies import Mover, Subscriptions
from services.control_plane.store.projection import read_subscription
from services.control_plane.store.schemas import (
    SubscriptionBlock,
    SubscriptionRead,
    SubscriptionsMove,
    SubscriptionsMoved,
)

router = APIRouter(prefix="/publisher/v1", tags=["publisher"], route_class=UnitOfWorkRoute)


@router.get("/apis/{api_id}/subscriptions", responses=declare("not_found"))
def list_subscriptions(
    caller: MayReadApis, api_id: ResourceId, unit: Unit, apis: Apis, paging: Paging
) -> Page[SubscriptionRead]:
    api = apis.get(unit.session, api_id, caller)
    rows, total = repository.subscriptions_to(unit.session, api.id, paging)
    return Page(items=[read_subscription(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("/apis/{api_id}/subscriptions/move", responses=declare("not_found", "conflict"))
def move_subscriptions(
    caller: MayWriteApis, api_id: ResourceId, body: SubscriptionsMove, unit: Unit, apis: Apis, mover: Mover
) -> SubscriptionsMoved:
    """Put all subscriptions of one version on another, which must be published."""
    return mover.move(unit.session, apis.get(unit.session, api_id, caller), body.to, caller)


@router.post("/subscriptions/{subscription_id}/block", responses=declare("not_found"))
def block_subscription(
    caller: MayWriteApis,
    subscription_id: ResourceId,
    unit: Unit,
    subscriptions: Subscriptions,
    response: Response,
    body: Annotated[SubscriptionBlock | None, Body()] = None,
) -> SubscriptionRead:
    subscription = subscriptions.get_published(unit.session, subscription_id, caller)
    subscriptions.block(unit.session, subscription, (body or SubscriptionBlock()).scope)
    tag(response, subscription.row_version)
    return read_subscription(subscription)


@router.post("/subscriptions/{subscription_id}/unblock", responses=declare("not_found"))
def unblock_subscription(
    caller: MayWriteApis, subscription_id: ResourceId, unit: Unit, subscriptions: Subscriptions, response: Response
) -> SubscriptionRead:
    subscription = subscriptions.get_published(unit.session, subscription_id, caller)
    subscriptions.unblock(unit.session, subscription)
    tag(response, subscription.row_version)
    return read_subscription(subscription)
