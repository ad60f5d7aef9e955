from collections.abc import Mapping
from typing import Any, Final

from sqlmodel import Session

from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import Sealer, new_id
from services.control_plane.workflow import queue
from services.control_plane.workflow import webhook_repository as repository
from services.control_plane.workflow.errors import NotSentError, TooManyWebhooksError
from services.control_plane.workflow.models import Webhook, WebhookDelivery
from services.control_plane.workflow.posting import Poster
from services.control_plane.workflow.projection import write_of_webhook
from services.control_plane.workflow.signatures import new_secret
from services.control_plane.workflow.webhook_schemas import WebhookWrite

MAX_WEBHOOKS: Final = 50
"""Each adds a row to every change."""


class WebhookService:
    def __init__(self, sealer: Sealer, poster: Poster, clock: Clock) -> None:
        self._sealer = sealer
        self._poster = poster
        self._clock = clock

    def check_url(self, url: object) -> None:
        """Refuse a URL where nothing may be sent: names are looked up before the transaction begins.

        What is no URL at all is refused later.
        """
        if isinstance(url, str):
            self._poster.check(url)

    def get(self, session: Session, webhook_id: str) -> Webhook:
        webhook = repository.find(session, webhook_id)
        if webhook is None:
            raise NotFoundError
        return webhook

    def create(self, session: Session, body: WebhookWrite) -> tuple[Webhook, str]:
        """Return a new webhook and its secret."""
        if repository.count(session) >= MAX_WEBHOOKS:
            raise TooManyWebhooksError(MAX_WEBHOOKS)
        now, secret = self._clock(), new_secret()
        webhook = Webhook(
            id=new_id(),
            url=body.url,
            sealed_secret=self._sealer.seal(secret),
            due_at=now,
            claimed_until=now,
            created_at=now,
            updated_at=now,
        )
        _assign(webhook, body)
        session.add(webhook)
        self._record(session, webhook, "webhook.create")
        return webhook, secret

    def replace(self, session: Session, webhook: Webhook, body: WebhookWrite, if_match: str | None) -> None:
        preconditions.check(if_match, webhook.row_version)
        _assign(webhook, body)
        webhook.updated_at = webhook.due_at = self._clock()  # what changed may answer now
        self._record(session, webhook, "webhook.update")
        queue.wake(session)

    def patch(self, session: Session, webhook: Webhook, patch: Mapping[str, Any], if_match: str | None) -> None:
        self.replace(session, webhook, patched(write_of_webhook(webhook), patch), if_match)

    def rotate_secret(self, session: Session, webhook: Webhook) -> str:
        """Return a new secret: what is sent from now on is signed with it alone."""
        secret = new_secret()
        webhook.sealed_secret = self._sealer.seal(secret)
        webhook.updated_at = self._clock()
        self._record(session, webhook, "webhook.rotate_secret")
        return secret

    def delete(self, session: Session, webhook: Webhook, if_match: str | None) -> None:
        """Delete a webhook with all that waits for it."""
        preconditions.check(if_match, webhook.row_version)
        session.delete(webhook)
        self._record(session, webhook, "webhook.delete")

    def get_delivery(self, session: Session, webhook: Webhook, delivery_id: str) -> WebhookDelivery:
        delivery = repository.find_delivery(session, delivery_id, webhook.id)
        if delivery is None:
            raise NotFoundError
        return delivery

    def redeliver(self, session: Session, webhook: Webhook, delivery: WebhookDelivery) -> None:
        """Send an event again, at once. Raises `NotSentError`."""
        if delivery.state == "PENDING":
            raise NotSentError
        now = self._clock()
        delivery.state, delivery.attempts, delivery.queued_at, delivery.attempted_at = "PENDING", 0, now, None
        delivery.status = delivery.error = None
        session.flush()
        repository.try_at_once(session, webhook.id, now)
        audit.record(session, "webhook.redeliver", "webhook", webhook.id, delivery=delivery.id)
        queue.wake(session)

    def _record(self, session: Session, webhook: Webhook, action: str) -> None:
        session.flush()
        audit.record(session, action, "webhook", webhook.id)  # its URL may hold a secret


def _assign(webhook: Webhook, body: WebhookWrite) -> None:
    webhook.url = body.url
    webhook.description = body.description
    webhook.events = list(dict.fromkeys(body.events))
    webhook.active = body.active
