from typing import Literal

from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.publisher import repository as publisher_repository
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.projection import state_of
from services.control_plane.store import repository
from services.control_plane.store.errors import (
    NotSubscribableError,
    SubscriptionExistsError,
    no_api,
    no_application,
    no_version,
    policy_not_offered,
)
from services.control_plane.store.models import Subscription
from services.control_plane.store.projection import define_subscription
from services.control_plane.store.schemas import SubscriptionCreate, SubscriptionPatch
from shared.subscription import SubscriptionState


class SubscriptionService:
    def __init__(self, clock: Clock) -> None:
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
        if (state := state_of(api)) != "PUBLISHED":
            raise NotSubscribableError(state)
        now = self._clock()
        subscription = Subscription(
            id=new_id(),
            application_id=application.id,
            api_id=api.id,
            policy_id=_offered(api, body.policy),
            created_at=now,
            updated_at=now,
        )
        repository.add(session, subscription, SubscriptionExistsError())
        self._publish(session, subscription, "subscription.create")
        return subscription

    def move(self, session: Session, subscription: Subscription, policy: str, if_match: str | None) -> None:
        """Put a subscription under another policy of its API."""
        preconditions.check(if_match, subscription.row_version)
        api = publisher_repository.find(session, subscription.api_id)
        if api is None:
            raise no_api()
        subscription.policy_id = _offered(api, policy)
        self._touch(session, subscription, "subscription.update")

    def change(
        self,
        session: Session,
        subscription: Subscription,
        body: SubscriptionPatch,
        caller: Principal,
        if_match: str | None,
    ) -> None:
        """Put a subscription under another policy, or on another version of its API that the caller may see."""
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
        subscription.policy_id = _offered(api, policy)
        subscription.api_id = api.id
        subscription.updated_at = self._clock()
        repository.save(session, SubscriptionExistsError())
        self._publish(session, subscription, "subscription.move")

    def delete(self, session: Session, subscription: Subscription, if_match: str | None) -> None:
        preconditions.check(if_match, subscription.row_version)
        session.delete(subscription)
        session.flush()
        audit.record(session, "subscription.delete", "subscription", subscription.id)
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
        audit.record(session, action, "subscription", subscription.id)
        outbox.record(session, "subscription", subscription.id, define_subscription(subscription), self._clock())


def _offered(api: Api, name: str) -> str:
    """Return the id of a policy that the API offers. Raises `InvalidError`."""
    offered = {link.name: link.policy_id for link in api.policies}
    if name not in offered:
        raise policy_not_offered(name, sorted(offered))
    return offered[name]
