"""Stage 4: whether the caller may connect to this API, and within which limits."""

from collections.abc import Iterator

from services.data_plane.connection import Admission, Caller, Handshake, Quota, Route
from services.data_plane.origins import is_allowed
from services.data_plane.refusal import RefusedError, come_back_later
from services.data_plane.table import RouteTable
from services.data_plane.throttle.decide import RETRY_SECONDS
from shared.definition import ApiDefinition
from shared.limits import Level, PolicyName, policy_id
from shared.subscription import ApplicationDefinition, SubscriptionDefinition


def admit(handshake: Handshake, route: Route, caller: Caller, table: RouteTable) -> Admission:
    """Return the endpoint and the quotas of a connection, or refuse it."""
    api = route.api
    if not is_allowed(handshake.origin, api.origins):
        raise RefusedError("origin_forbidden")
    application = caller.application
    application_id = application.id if application else None
    quotas = [*_quotas("api", api.id, api.api_policy, api.id, application_id, table)]
    if application is not None:
        quotas += _quotas("application", application.id, application.policy, api.id, application.id, table)
        if api.state != "PROTOTYPED":
            subscription = _subscription(api, caller, application, table)
            quotas += _quotas("subscription", subscription.id, subscription.policy, api.id, application.id, table)
    endpoint = api.endpoints.of(caller.key_type)
    if endpoint is None:
        raise RefusedError("key_type_unserved", f"The API has no {caller.key_type.lower()} endpoint.")
    return Admission(endpoint=endpoint, quotas=tuple(quotas))


def _subscription(
    api: ApiDefinition, caller: Caller, application: ApplicationDefinition, table: RouteTable
) -> SubscriptionDefinition:
    subscription = table.subscriptions.get((application.id, api.id))
    if subscription is None:
        raise RefusedError("subscription_missing")
    production = caller.key_type == "PRODUCTION"
    if subscription.state == "BLOCKED" or (subscription.state == "PROD_ONLY_BLOCKED" and production):
        raise RefusedError("subscription_blocked")
    return subscription


def _quotas(
    level: Level, subject: str, name: PolicyName | None, api_id: str, application_id: str | None, table: RouteTable
) -> Iterator[Quota]:
    if name is None:
        return
    policy = table.policies.get(policy_id(level, name))
    if policy is None:
        # Deny by default: an unknown policy is not an unlimited one.
        raise come_back_later("not_ready", f"The {level} policy {name} has not arrived yet.")
    for rule in policy.rules(api_id, application_id):
        if rule.unit != "messages" or rule.direction != "publish" or rule.rolling:
            continue  # the control plane accepts no others yet
        # A window, and the moment that asking takes: a message that waits for the next one is not given up.
        delay = policy.max_delay_seconds or float(rule.window_seconds) + RETRY_SECONDS
        yield Quota(level, subject, rule, policy.on_exceed, delay)
