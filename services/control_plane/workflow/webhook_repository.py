from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.workflow.models import Webhook, WebhookDelivery

_WEBHOOKS: Final = Listing(
    search=(col(Webhook.url), col(Webhook.description)),
    sort={"created_at": col(Webhook.created_at), "url": col(Webhook.url)},
    unique=col(Webhook.id),
)
_DELIVERIES: Final = Listing(
    search=(col(WebhookDelivery.event), col(WebhookDelivery.error)),
    sort={"queued_at": col(WebhookDelivery.queued_at), "event": col(WebhookDelivery.event)},
    unique=col(WebhookDelivery.id),
)

# What the sender notes is no change of the resource: the version stays.
_APART: Final = {"synchronize_session": False}


def find(session: Session, id_: str) -> Webhook | None:
    return session.get(Webhook, id_)


def count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Webhook)).one()


def list_page(session: Session, query: PageQuery) -> tuple[Sequence[Webhook], int]:
    return _WEBHOOKS.fetch(session, select(Webhook), query)


def hold_active(session: Session) -> Sequence[tuple[str, str, Sequence[str]]]:
    """Return those that hear of events, whose they are, and what they want. None is deleted before the commit."""
    active = select(Webhook.id, Webhook.organisation, Webhook.events).where(col(Webhook.active))
    return session.exec(active.order_by(col(Webhook.id)).with_for_update(read=True, key_share=True)).all()


def list_deliveries(
    session: Session, webhook_id: str, state: str | None, query: PageQuery
) -> tuple[Sequence[WebhookDelivery], int]:
    deliveries = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if state is not None:
        deliveries = deliveries.where(WebhookDelivery.state == state)
    query.sort = query.sort or "-queued_at"
    return _DELIVERIES.fetch(session, deliveries, query)


def find_delivery(session: Session, id_: str, webhook_id: str) -> WebhookDelivery | None:
    wanted = select(WebhookDelivery).where(WebhookDelivery.id == id_, WebhookDelivery.webhook_id == webhook_id)
    return session.exec(wanted).first()


def count_pending(session: Session) -> dict[str, int]:
    """Return by webhook how many events wait."""
    waiting = select(WebhookDelivery.webhook_id, func.count()).where(WebhookDelivery.state == "PENDING")
    return dict(session.exec(waiting.group_by(col(WebhookDelivery.webhook_id))).all())


def list_due(session: Session, now: datetime, limit: int) -> Sequence[str]:
    """Return webhooks that something waits for, and that nobody serves: who waits longest first."""
    waiting = select(WebhookDelivery.webhook_id).where(WebhookDelivery.state == "PENDING")
    due = select(Webhook.id).where(
        col(Webhook.active), Webhook.due_at <= now, Webhook.claimed_until <= now, col(Webhook.id).in_(waiting)
    )
    return session.exec(due.order_by(col(Webhook.due_at), col(Webhook.id)).limit(limit)).all()


def claim(session: Session, id_: str, now: datetime, until: datetime) -> bool:
    """Tell whether the caller is to serve a webhook: nobody else, until then."""
    free = update(Webhook).where(
        col(Webhook.id) == id_, col(Webhook.active), col(Webhook.due_at) <= now, col(Webhook.claimed_until) <= now
    )
    claimed = free.values(claimed_until=until).returning(col(Webhook.id))
    return session.execute(claimed, execution_options=_APART).first() is not None


def release(session: Session, id_: str, claimed_until: datetime, now: datetime) -> None:
    """Let others serve a webhook, unless one of them has taken it over."""
    held = update(Webhook).where(col(Webhook.id) == id_, col(Webhook.claimed_until) == claimed_until)
    session.execute(held.values(claimed_until=now), execution_options=_APART)


def next_pending(session: Session, webhook_id: str) -> tuple[Webhook, WebhookDelivery, AuditEntry] | None:
    """Return a webhook that is active as it is now, and the oldest event that waits for it."""
    waiting = (
        select(Webhook, WebhookDelivery, AuditEntry)
        .select_from(WebhookDelivery)
        .join(AuditEntry, col(AuditEntry.id) == col(WebhookDelivery.audit_id))
        .join(Webhook, col(Webhook.id) == col(WebhookDelivery.webhook_id))
        .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "PENDING", col(Webhook.active))
    )
    return session.exec(waiting.order_by(col(WebhookDelivery.audit_id)).limit(1)).first()


def note_delivery(session: Session, id_: str, **values: Any) -> None:
    noted = update(WebhookDelivery).where(col(WebhookDelivery.id) == id_)
    attempts = col(WebhookDelivery.attempts) + 1
    session.execute(noted.values(attempts=attempts, **values), execution_options=_APART)


def note_webhook(session: Session, webhook: Webhook, failures: int, due_at: datetime) -> None:
    """Note what became of a webhook as it was read, unless somebody has asked for it to be tried at once since."""
    noted = update(Webhook).where(col(Webhook.id) == webhook.id, col(Webhook.due_at) == webhook.due_at)
    session.execute(noted.values(failures=failures, due_at=due_at), execution_options=_APART)


def try_at_once(session: Session, id_: str, now: datetime) -> None:
    noted = update(Webhook).where(col(Webhook.id) == id_)
    session.execute(noted.values(failures=0, due_at=now), execution_options=_APART)


def give_up(session: Session, webhook_id: str, queued_until: datetime, now: datetime) -> None:
    """Let be what has waited for too long."""
    old = update(WebhookDelivery).where(
        col(WebhookDelivery.webhook_id) == webhook_id,
        col(WebhookDelivery.state) == "PENDING",
        col(WebhookDelivery.queued_at) <= queued_until,
    )
    attempted = func.coalesce(col(WebhookDelivery.attempted_at), now)
    session.execute(old.values(state="DEAD", attempted_at=attempted), execution_options=_APART)
