"""Stage 4: whether the caller may connect to this API, and within which limits."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from services.data_plane.connection import Admission, Caller, Handshake, Route
from services.data_plane.networks import find_source
from services.data_plane.quota import Quota, Quotas
from services.data_plane.refusal import RefusedError, come_back_later
from services.data_plane.table import Blocks, RouteTable
from services.data_plane.throttle.decide import RETRY_SECONDS
from shared.definition import ApiDefinition, Endpoint, Mock, PathDefinition
from shared.limits import Level, PolicyName, policy_id
from shared.origins import is_allowed
from shared.paths import shape_of
from shared.subscription import ApplicationDefinition, SubscriptionDefinition


def admit(handshake: Handshake, route: Route, caller: Caller, table: RouteTable) -> Admission:
    """Return the endpoint and the quotas of a connection, or refuse it."""
    check_origin(route.api, handshake.origin)
    return Admission(*review(route, caller, handshake.address, table))


def check_origin(api: ApiDefinition, origin: str | None) -> None:
    """Refuse a page that the API doesn't list."""
    if not is_allowed(origin, api.origins):
        raise RefusedError("origin_forbidden")


def review(route: Route, caller: Caller, address: str, table: RouteTable) -> tuple[Endpoint | Mock, Quotas]:
    """Return the endpoint and the quotas that a caller has, by a table that may have changed. Raises `RefusedError`."""
    api = route.api
    if caller.application is not None and caller.application.owner_disabled:
        raise RefusedError("user_disabled")
    if table.blocks.any:
        _check_blocks(api, caller, address, table.blocks)
    quotas = _find_quotas(route, caller, address, table)
    endpoint = api.endpoints.of(caller.key_type) or _find_mock(api, caller)
    if endpoint is None:
        raise RefusedError("key_type_unserved", f"The API has no {caller.key_type.lower()} endpoint.")
    return endpoint, quotas


def _find_mock(api: ApiDefinition, caller: Caller) -> Mock | None:
    return api.mock if api.mock is not None and caller.key_type in api.mock.key_types else None


def _check_blocks(api: ApiDefinition, caller: Caller, address: str, blocks: Blocks) -> None:
    if api.id in blocks.apis:
        raise RefusedError("api_blocked", headers={"Retry-After": "60"})
    if blocks.has_address(address):
        raise RefusedError("address_blocked")
    if caller.application is not None:
        if caller.application.id in blocks.applications:
            raise RefusedError("application_blocked")
        if blocks.has_owner(caller.application) or (caller.claims and caller.claims.sub in blocks.people):
            raise RefusedError("user_blocked")


def _find_quotas(route: Route, caller: Caller, address: str, table: RouteTable) -> Quotas:
    api, application = route.api, caller.application
    path = route.path if route.path is not None and route.path.policy is not None else None
    if application is None:
        subject = f"{api.id}/{find_source(address)}"
        anonymous = _quotas("subscription", subject, api.anonymous_policy, api, None, table)
        return Quotas([*_api_quotas(api, None, table, path), *anonymous])
    subscription = None if api.state == "PROTOTYPED" else _subscription(api, caller, application, table)
    key = (api.id, application.id, None if path is None else path.path)
    found = table.quotas.get(key)
    if found is None:
        quotas = [
            *_api_quotas(api, application, table, path),
            *_quotas("application", application.id, application.policy, api, application, table),
        ]
        if subscription is not None:
            quotas += _quotas("subscription", subscription.id, subscription.policy, api, application, table)
        found = table.quotas[key] = Quotas(quotas)
    return found


def _api_quotas(
    api: ApiDefinition, application: ApplicationDefinition | None, table: RouteTable, path: PathDefinition | None
) -> Iterator[Quota]:
    """Yield the quotas of an API, and those of a path beside them."""
    yield from _quotas("api", api.id, api.api_policy, api, application, table)
    if path is not None:
        # A key of Redis: short, and without braces of its own.
        shape = hashlib.sha256("/".join(shape_of(path.path)).encode()).hexdigest()[:16]
        for quota in _quotas("api", f"{api.id}/{shape}", path.policy, api, application, table):
            yield replace(quota, of_path=True)


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
    level: Level,
    subject: str,
    name: PolicyName | None,
    api: ApiDefinition,
    application: ApplicationDefinition | None,
    table: RouteTable,
) -> Iterator[Quota]:
    if name is None:
        return
    policy = table.policies.get(policy_id(level, name))
    if policy is None:
        # Deny by default: an unknown policy is not an unlimited one.
        raise come_back_later("not_ready", f"The {level} policy {name} has not arrived yet.")
    for rule in policy.rules(api.id, application.id if application else None):
        # A window, and the moment that asking takes: a message that waits for the next one is not given up.
        delay = policy.max_delay_seconds or float(rule.window_seconds) + RETRY_SECONDS
        yield Quota(level, subject, rule, policy.on_exceed, delay, policy.shadow)
