"""Rows to what callers read. Pure."""

from services.control_plane.workflow.models import Approval, Webhook, WebhookDelivery
from services.control_plane.workflow.schemas import ApprovalRead
from services.control_plane.workflow.webhook_schemas import DeliveryRead, WebhookRead, WebhookWrite


def read_approval(approval: Approval, names: dict[str, str]) -> ApprovalRead:
    named = {
        "asked_by_name": names.get(approval.asked_by),
        "decided_by_name": names.get(approval.decided_by or ""),
    }
    return ApprovalRead.model_validate({**approval.model_dump(), **named})


def write_of_webhook(webhook: Webhook) -> WebhookWrite:
    return WebhookWrite.model_validate(webhook.model_dump(include=set(WebhookWrite.model_fields)))


def read_webhook(webhook: Webhook, pending: int) -> WebhookRead:
    fields = webhook.model_dump(include=set(WebhookRead.model_fields))
    return WebhookRead.model_validate({**fields, "pending": pending})


def read_delivery(delivery: WebhookDelivery) -> DeliveryRead:
    return DeliveryRead.model_validate(delivery.model_dump(include=set(DeliveryRead.model_fields)))
