"""Events on their way out: written in the transaction of what happened, so that none is lost, and none made up."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.rows import delete_until
from services.control_plane.kit.security import new_id
from services.control_plane.workflow import webhook_repository
from services.control_plane.workflow.events import is_event, wants
from services.control_plane.workflow.models import WebhookDelivery

KEPT_FOR: Final = timedelta(days=7)
"""What was delivered, or given up, can be seen and sent again for so long."""

_QUEUED: Final = "framegate_events_queued"


class EventQueue:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def fill(self, session: Session) -> None:
        """Queue what happened in a transaction that is about to be committed, for each webhook that wants it."""
        events = [entry for entry in audit.take_unheard(session) if is_event(entry.action)]
        if not events:
            return
        session.flush()
        for webhook_id, organisation, filters in webhook_repository.hold_active(session):
            for entry in events:
                if entry.id is not None and entry.organisation == organisation and wants(filters, entry.action):
                    self._add(session, webhook_id, entry.id, entry.action)

    def sweep(self, session: Session) -> bool:
        until = self._clock() - KEPT_FOR
        more = [
            delete_until(session, WebhookDelivery.attempted_at, until, state=state) for state in ("DELIVERED", "DEAD")
        ]
        return any(more)

    def _add(self, session: Session, webhook_id: str, audit_id: int, event: str) -> None:
        session.add(
            WebhookDelivery(id=new_id(), webhook_id=webhook_id, audit_id=audit_id, event=event, queued_at=self._clock())
        )
        session.info[_QUEUED] = True


def has_queued(session: AnySession) -> bool:
    """Tell whether a session queued an event."""
    return _QUEUED in session.info


def wake(session: Session) -> None:
    """Have the sender look, after the commit, at what was queued in another way."""
    session.info[_QUEUED] = True
