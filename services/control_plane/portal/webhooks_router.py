"""Who hears of events, and how it goes."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit, UnitOfWork
from services.control_plane.portal.access import Administrator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.workflow import webhook_repository as repository
from services.control_plane.workflow.dependencies import Webhooks
from services.control_plane.workflow.events import FAMILIES
from services.control_plane.workflow.models import Webhook
from services.control_plane.workflow.projection import read_delivery, read_webhook
from services.control_plane.workflow.webhook_schemas import WebhookWrite

router = APIRouter(prefix="/admin/webhooks", route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("")
def list_webhooks(frame: PageFrame, _: Administrator, unit: Unit, paging: Paging) -> Response:
    return _show_list(frame, unit, paging)


@router.post("")
def create(frame: PageFrame, _: Administrator, sent: Sent, unit: Unit, webhooks: Webhooks) -> Response:
    """Make a webhook, and show its secret."""
    try:
        body = build(WebhookWrite, _read(sent) | {"active": True})
        webhooks.check_url(body.url)
        webhook, secret = webhooks.create(unit.session, body)
    except ProblemError as error:
        unit.close()
        return _show_list(frame, unit, PageQuery(limit=25), Mistakes.of(error), sent)
    return _show(frame, unit, webhook, PageQuery(limit=25), secret=secret)


@router.get("/{webhook_id}")
def show(
    frame: PageFrame, _: Administrator, webhook_id: ResourceId, unit: Unit, webhooks: Webhooks, paging: Paging
) -> Response:
    return _show(frame, unit, webhooks.get(unit.session, webhook_id), paging)


@router.post("/{webhook_id}")
def save(
    frame: PageFrame, _: Administrator, webhook_id: ResourceId, sent: Sent, unit: Unit, webhooks: Webhooks
) -> Response:
    try:
        body = build(WebhookWrite, _read(sent) | {"active": sent.on("active")})
        webhooks.check_url(body.url)
        webhooks.replace(unit.session, webhooks.get(unit.session, webhook_id), body, sent.if_match)
    except ProblemError as error:
        unit.close()
        webhook = webhooks.get(unit.session, webhook_id)
        return _show(frame, unit, webhook, PageQuery(limit=25), Mistakes.of(error), sent=sent)
    return RedirectResponse(f"/admin/webhooks/{webhook_id}?done=saved", 303)


@router.post("/{webhook_id}/rotate")
def rotate(
    frame: PageFrame, _: Administrator, webhook_id: ResourceId, __: Sent, unit: Unit, webhooks: Webhooks
) -> Response:
    webhook = webhooks.get(unit.session, webhook_id)
    secret = webhooks.rotate_secret(unit.session, webhook)
    return _show(frame, unit, webhook, PageQuery(limit=25), secret=secret)


@router.post("/{webhook_id}/delete")
def delete(_: Administrator, webhook_id: ResourceId, sent: Sent, unit: Unit, webhooks: Webhooks) -> Response:
    webhooks.delete(unit.session, webhooks.get(unit.session, webhook_id), sent.if_match)
    return RedirectResponse("/admin/webhooks?done=deleted", 303)


@router.post("/{webhook_id}/deliveries/{delivery_id}")
def redeliver(
    frame: PageFrame,
    _: Administrator,
    webhook_id: ResourceId,
    delivery_id: ResourceId,
    __: Sent,
    unit: Unit,
    webhooks: Webhooks,
) -> Response:
    webhook = webhooks.get(unit.session, webhook_id)
    try:
        webhooks.redeliver(unit.session, webhook, webhooks.get_delivery(unit.session, webhook, delivery_id))
    except ProblemError as error:
        unit.close()
        webhook = webhooks.get(unit.session, webhook_id)
        return _show(frame, unit, webhook, PageQuery(limit=25), Mistakes.of(error))
    return RedirectResponse(f"/admin/webhooks/{webhook_id}?done=redelivered", 303)


def _read(sent: Fields) -> dict[str, Any]:
    return {"url": sent.text("url"), "description": sent.text("description"), "events": sent.words("events")}


def _show_list(
    frame: Frame, unit: UnitOfWork, paging: PageQuery, mistakes: Mistakes | None = None, sent: Fields | None = None
) -> Response:
    rows, total = repository.list_page(unit.session, paging)
    pending = repository.count_pending(unit.session)
    return frame.show(
        "admin/webhooks.html",
        422 if mistakes else 200,
        items=[read_webhook(row, pending.get(row.id, 0)) for row in rows],
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        families=FAMILIES,
        mistakes=mistakes or Mistakes(),
        sent=sent or Fields(),
    )


def _show(
    frame: Frame,
    unit: UnitOfWork,
    webhook: Webhook,
    paging: PageQuery,
    mistakes: Mistakes | None = None,
    *,
    sent: Fields | None = None,
    secret: str | None = None,
) -> Response:
    rows, total = repository.list_deliveries(unit.session, webhook.id, None, paging)
    return frame.show(
        "admin/webhook.html",
        422 if mistakes else 200,
        webhook=read_webhook(webhook, repository.count_pending(unit.session).get(webhook.id, 0)),
        deliveries=[read_delivery(row) for row in rows],
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        families=FAMILIES,
        secret=secret,
        if_match=etag(webhook.row_version),
        mistakes=mistakes or Mistakes(),
        sent=sent,
    )
