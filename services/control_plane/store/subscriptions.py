from typing import Literal

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.approvals import PENDING, REJECTED, Approvals
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import state_of
from services.control_plane.store import repository
from services.control_plane.store.asking import ask, withdraw
from services.control_plane.store.errors import (
    NotSubscribableError,
    RejectedError,
    SubscriptionExistsError,
    must_be_asked_for,
    no_api,
    no_application,
    no_version,
    policy_not_offered,
)
from services.control_plane.store.models import Subscription
from services.control_plane.store.projection import define_subscription, words_of
from services.control_plane.store.schemas import SubscriptionCreate, SubscriptionPatch
from shared.subscription import SubscriptionState


class SubscriptionService:
    def __init__(self, approvals: Approvals, clock: Clock) -> None:
        self._approvals = approvals
        self._clock = clock

    def get(self, session: Session, subscription_id: str, owner_id: str) -> Subscription:
        subscription = repository.find_subscription(session, subscription_id, owner_id)
        if subscription is None:
            raise NotFoundError
        return subscription

    def get_published(self, session: Session, subscription_id: str, caller: Principal) -> Subscription:
        """Return a subscription to an API that the caller may manage. Raises `NotFoundError`."""
        subscription = repository.find_published_subscription(session, subscription_id, caller)
        if subscription is None:
            raise NotFoundError
        return subscription

    def create(self, session: Session, body: SubscriptionCreate, caller: Principal) -> Subscription:
        application = repository.find_application(session, body.application_id, caller.account_id)
        if application is None:
            raise no_application()
        api = repository.find_api(session, body.api_id, caller.roles, hold=True)
        if api is None:
            raise no_api()
        _check_subscribable(api)
        asks = self._approvals.needed(session, "subscription")
        now = self._clock()
        subscription = Subscription(
            id=new_id(),
            application_id=application.id,
            api_id=api.id,
            policy_id=_offered(api, body.policy),
            approval=PENDING if asks else None,
            created_at=now,
            updated_at=now,
        )
        repository.add(session, subscription, SubscriptionExistsError())
        if asks:
            ask(session, self._approvals, subscription, api, body.policy)
        self._publish(session, subscription, "subscription.create")
        return subscription

    def move(self, session: Session, subscription: Subscription, policy: str, if_match: str | None) -> None:
        """Put a subscription under another policy of its API, or ask for it: then `pending_policy` says so."""
        preconditions.check(if_match, subscription.row_version)
        api = publisher_repository.find(session, subscription.api_id)
        if api is None:
            raise no_api()
        if subscription.approval == REJECTED:
            raise RejectedError("subscription")
        policy_id = _offered(api, policy)
        withdraw(session, self._approvals, subscription)
        asks = policy_id != subscription.policy_id and self._approvals.needed(session, "subscription")
        if subscription.approval or asks:
            ask(session, self._approvals, subscription, api, policy)
        if asks and not subscription.approval:
            subscription.pending_policy = policy
        else:
            subscription.policy_id = policy_id
        self._touch(session, subscription, "subscription.update")

    def answer(self, session: Session, subscription: Subscription, *, approved: bool) -> None:
        """Give it the right, or the policy, that was asked for, or not."""
        api = publisher_repository.find(session, subscription.api_id)
        if api is None:
            raise no_api()
        if subscription.approval:
            if approved:
                _check_subscribable(api)
            subscription.approval = None if approved else REJECTED
        elif subscription.pending_policy:
            if approved:
                subscription.policy_id = _offered(api, subscription.pending_policy)
            subscription.pending_policy = None
        self._touch(session, subscription, "subscription.update")

    def change(
        self,
        session: Session,
        subscription: Subscription,
        body: SubscriptionPatch,
        caller: Principal,
        if_match: str | None,
    ) -> None:
        """Put a subscription under another policy, or on another version of its API that the caller may see.

        A right to one version is none to another: where administrators approve subscriptions, it is refused.
        """
        preconditions.check(if_match, subscription.row_version)
        if body.api_id is not None and body.api_id != subscription.api_id:
            self._switch(session, subscription, body.api_id, body.policy or subscription.policy, caller)
        else:
            self.move(session, subscription, body.policy or subscription.policy, None)

    def _switch(
        self, session: Session, subscription: Subscription, api_id: str, policy: str, caller: Principal
    ) -> None:
        before = publisher_repository.find(session, subscription.api_id)
        api = repository.find_api(session, api_id, caller.roles, hold=True)
        if api is None or before is None or api.context_key != before.context_key:
            raise no_version("api_id")
        if (state := state_of(api)) != "PUBLISHED":
            raise NotSubscribableError(state)
        if subscription.approval == REJECTED:
            raise RejectedError("subscription")
        if subscription.approval is None and self._approvals.needed(session, "subscription"):
            raise must_be_asked_for("api_id")
        policy_id = _offered(api, policy)
        withdraw(session, self._approvals, subscription)
        subscription.policy_id = policy_id
        subscription.api_id = api.id
        subscription.updated_at = self._clock()
        repository.save(session, SubscriptionExistsError())
        if subscription.approval:
            ask(session, self._approvals, subscription, api, policy)
        self._publish(session, subscription, "subscription.move")

    def delete(self, session: Session, subscription: Subscription, if_match: str | None) -> None:
        preconditions.check(if_match, subscription.row_version)
        withdraw(session, self._approvals, subscription)
        session.delete(subscription)
        session.flush()
        audit.record(session, "subscription.delete", "subscription", subscription.id, **words_of(subscription))
        outbox.record(session, "subscription", subscription.id, None, self._clock())

    def block(self, session: Session, subscription: Subscription, scope: Literal["all", "production"]) -> None:
        state: SubscriptionState = "BLOCKED" if scope == "all" else "PROD_ONLY_BLOCKED"
        self._set_state(session, subscription, state, "subscription.block")

    def unblock(self, session: Session, subscription: Subscription) -> None:
        self._set_state(session, subscription, "UNBLOCKED", "subscription.unblock")

    def _set_state(self, session: Session, subscription: Subscription, state: SubscriptionState, action: str) -> None:
        subscription.state = state
        self._touch(session, subscription, action)

    def _touch(self, session: Session, subscription: Subscription, action: str) -> None:
        subscription.updated_at = self._clock()
        session.flush()
        self._publish(session, subscription, action)

    def _publish(self, session: Session, subscription: Subscription, action: str) -> None:
        audit.record(session, action, "subscription", subscription.id, **words_of(subscription))
        outbox.record(session, "subscription", subscription.id, define_subscription(subscription), self._clock())


def _check_subscribable(api: Api) -> None:
    if (state := state_of(api)) != "PUBLISHED":
        raise NotSubscribableError(state)


def _offered(api: Api, name: str) -> str:
    """Return the id of a policy that the API offers. Raises `InvalidError`."""
    offered = {link.name: link.policy_id for link in api.policies}
    if name not in offered:
        raise policy_not_offered(name, sorted(offered))
    return offered[name]
