"""Who hears of events, and how it goes."""

from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayAdminister
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.workflow import webhook_repository as repository
from services.control_plane.workflow.choices import DeliveryState
from services.control_plane.workflow.dependencies import Webhooks
from services.control_plane.workflow.models import Webhook
from services.control_plane.workflow.projection import read_delivery, read_webhook
from services.control_plane.workflow.webhook_schemas import DeliveryRead, WebhookCreated, WebhookRead, WebhookWrite

router = APIRouter(prefix="/admin/v1/webhooks", tags=["webhooks"], route_class=UnitOfWorkRoute)


@router.get("")
def list_webhooks(_: MayAdminister, unit: Unit, paging: Paging) -> Page[WebhookRead]:
    rows, total = repository.list_page(unit.session, paging)
    pending = repository.count_pending(unit.session)
    items = [read_webhook(row, pending.get(row.id, 0)) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("conflict"))
def create_webhook(
    _: MayAdminister, body: WebhookWrite, unit: Unit, webhooks: Webhooks, response: Response
) -> WebhookCreated:
    """Make a webhook. Its secret is shown this once."""
    webhooks.check_url(body.url)
    webhook, secret = webhooks.create(unit.session, body)
    response.headers["Location"] = f"{router.prefix}/{webhook.id}"
    return _with_secret(webhook, secret, response)


@router.get("/{webhook_id}", responses=declare("not_found"))
def get_webhook(
    _: MayAdminister, webhook_id: ResourceId, unit: Unit, webhooks: Webhooks, response: Response
) -> WebhookRead:
    return _read(unit, webhooks.get(unit.session, webhook_id), response)


@router.put("/{webhook_id}", responses=declare("not_found", "precondition_failed"))
def replace_webhook(
    _: MayAdminister,
    webhook_id: ResourceId,
    body: WebhookWrite,
    unit: Unit,
    webhooks: Webhooks,
    response: Response,
    if_match: IfMatch = None,
) -> WebhookRead:
    webhooks.check_url(body.url)
    webhook = webhooks.get(unit.session, webhook_id)
    webhooks.replace(unit.session, webhook, body, if_match)
    return _read(unit, webhook, response)


@router.patch("/{webhook_id}", responses=declare("not_found", "precondition_failed"))
def patch_webhook(
    _: MayAdminister,
    webhook_id: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    webhooks: Webhooks,
    response: Response,
    if_match: IfMatch = None,
) -> WebhookRead:
    webhooks.check_url(body.get("url"))
    webhook = webhooks.get(unit.session, webhook_id)
    webhooks.patch(unit.session, webhook, body, if_match)
    return _read(unit, webhook, response)


@router.delete("/{webhook_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_webhook(
    _: MayAdminister, webhook_id: ResourceId, unit: Unit, webhooks: Webhooks, if_match: IfMatch = None
) -> None:
    webhooks.delete(unit.session, webhooks.get(unit.session, webhook_id), if_match)


@router.post("/{webhook_id}/rotate-secret", responses=declare("not_found"))
def rotate_webhook_secret(
    _: MayAdminister, webhook_id: ResourceId, unit: Unit, webhooks: Webhooks, response: Response
) -> WebhookCreated:
    """Replace the secret, at once. The new one is shown this once."""
    webhook = webhooks.get(unit.session, webhook_id)
    return _with_secret(webhook, webhooks.rotate_secret(unit.session, webhook), response)


@router.get("/{webhook_id}/deliveries", responses=declare("not_found"))
def list_deliveries(
    _: MayAdminister,
    webhook_id: ResourceId,
    unit: Unit,
    webhooks: Webhooks,
    paging: Paging,
    state: DeliveryState | None = None,
) -> Page[DeliveryRead]:
    webhook = webhooks.get(unit.session, webhook_id)
    rows, total = repository.list_deliveries(unit.session, webhook.id, state, paging)
    return Page(items=[read_delivery(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", responses=declare("not_found", "conflict"))
def redeliver(
    _: MayAdminister, webhook_id: ResourceId, delivery_id: ResourceId, unit: Unit, webhooks: Webhooks
) -> DeliveryRead:
    """Send an event again that was delivered, or given up."""
    webhook = webhooks.get(unit.session, webhook_id)
    delivery = webhooks.get_delivery(unit.session, webhook, delivery_id)
    webhooks.redeliver(unit.session, webhook, delivery)
    return read_delivery(delivery)


def _read(unit: Unit, webhook: Webhook, response: Response) -> WebhookRead:
    tag(response, webhook.row_version)
    return read_webhook(webhook, repository.count_pending(unit.session).get(webhook.id, 0))


def _with_secret(webhook: Webhook, secret: str, response: Response) -> WebhookCreated:
    tag(response, webhook.row_version)
    response.headers["Cache-Control"] = "no-store"
    return WebhookCreated(**read_webhook(webhook, 0).model_dump(), secret=secret)
