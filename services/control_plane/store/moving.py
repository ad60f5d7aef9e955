"""Subscriptions that go on from one version of an API to another: all of them, or none."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit
from services.control_plane.kit.approvals import PENDING, Approvals
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.models import Api
from services.control_plane.store import repository
from services.control_plane.store.asking import ask, withdraw
from services.control_plane.store.errors import TooManySubscriptionsError, no_version, not_published, policies_missing
from services.control_plane.store.models import Subscription
from services.control_plane.store.projection import define_subscription, words_of
from services.control_plane.store.schemas import SubscriptionsMoved

MAX_AT_ONCE: Final = 2000
"""They are written in one transaction."""


class SubscriptionMover:
    def __init__(self, approvals: Approvals, clock: Clock) -> None:
        self._approvals = approvals
        self._clock = clock

    def take_over(self, session: Session, sources: Sequence[Api], target: Api) -> int:
        """Give a version the subscriptions of others that it has not, the first one's before the next one's.

        Those that were not approved give no right, and so there is none to take over.
        """
        taken = repository.applications_of(session, target.id)
        now = self._clock()
        copies: dict[str, Subscription] = {}
        for source in sources:
            for row in _read(session, source):
                if row.approval is None and row.application_id not in taken and row.application_id not in copies:
                    copies[row.application_id] = Subscription(
                        id=new_id(),
                        application_id=row.application_id,
                        api_id=target.id,
                        policy_id=row.policy_id,
                        state=row.state,
                        created_at=now,
                        updated_at=now,
                    )
        if len(copies) > MAX_AT_ONCE:
            raise TooManySubscriptionsError(MAX_AT_ONCE)
        _check_policies("require_resubscription", list(copies.values()), target)
        session.add_all(copies.values())
        session.flush()
        for copy in copies.values():
            self._publish(session, copy, "subscription.copy")
        return len(copies)

    def move(self, session: Session, source: Api, to: str, caller: Principal) -> SubscriptionsMoved:
        """Put all subscriptions of one version on another. Where an application has both, the old one ends."""
        publisher_repository.hold(session, [source.id, to])
        target = publisher_repository.find_own(session, to, caller)
        if target is None or target.id == source.id or target.context_key != source.context_key:
            raise no_version("to")
        if target.state != "PUBLISHED":
            raise not_published("to", target.state)
        taken = repository.applications_of(session, target.id)
        rows = _read(session, source)
        moving = [row for row in rows if row.application_id not in taken]
        _check_policies("to", moving, target)
        now = self._clock()
        for row in moving:
            self._put_on(session, row, target)
            row.updated_at = now
        ended = [row for row in rows if row.application_id in taken]
        for row in ended:
            withdraw(session, self._approvals, row)
            session.delete(row)
        session.flush()
        for row in moving:
            self._publish(session, row, "subscription.move")
        for row in ended:
            audit.record(session, "subscription.delete", "subscription", row.id, **words_of(row))
            outbox.record(session, "subscription", row.id, None, now)
        return SubscriptionsMoved(moved=len(moving), ended=len(ended))

    def _put_on(self, session: Session, row: Subscription, target: Api) -> None:
        """Put a subscription on another version, and ask of that what was asked of the other."""
        asked, offered = row.pending_policy, {link.name for link in target.policies}
        withdraw(session, self._approvals, row)
        row.api_id = target.id
        if row.approval == PENDING or asked in offered:
            ask(session, self._approvals, row, target, asked or row.policy)
            row.pending_policy = asked

    def _publish(self, session: Session, row: Subscription, action: str) -> None:
        audit.record(session, action, "subscription", row.id, **words_of(row))
        outbox.record(session, "subscription", row.id, define_subscription(row), self._clock())


def _read(session: Session, source: Api) -> Sequence[Subscription]:
    """Return all subscriptions to a version. Raises `TooManySubscriptionsError`."""
    rows = repository.all_subscriptions_to(session, source.id, MAX_AT_ONCE + 1)
    if len(rows) > MAX_AT_ONCE:
        raise TooManySubscriptionsError(MAX_AT_ONCE)
    return rows


def _check_policies(field: str, rows: Sequence[Subscription], target: Api) -> None:
    """See that a version offers what its subscriptions would be under. Raises `InvalidError`."""
    offered = {link.policy_id for link in target.policies}
    if missing := sorted({row.policy for row in rows if row.policy_id not in offered}):
        raise policies_missing(field, missing)
