"""What administrators are asked of subscriptions."""

from sqlmodel import Session

from services.control_plane.kit.approvals import Approvals, Question
from services.control_plane.publisher.models import Api
from services.control_plane.store import repository
from services.control_plane.store.models import Subscription


def ask(session: Session, approvals: Approvals, subscription: Subscription, api: Api, policy: str) -> None:
    """Ask for a subscription to an API, or for another policy of it."""
    application = repository.get_application(session, subscription.application_id)
    title = f"{application.name} to {api.name} {api.version}"
    approvals.ask(session, Question("subscription", subscription.id, title, policy, application.owner_id))


def withdraw(session: Session, approvals: Approvals, subscription: Subscription) -> None:
    """Take back what is asked, if anything is: it comes before any change of the subscription itself."""
    if subscription.approval or subscription.pending_policy:
        approvals.withdraw(session, "subscription", subscription.id)
        subscription.pending_policy = None
