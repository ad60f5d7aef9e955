"""What the catalogue says now holds for connections that are open already: they end, or other limits count."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from services.data_plane.admit import check_origin, review
from services.data_plane.authenticate import check_auth, check_scopes, check_trust, find_again, find_caller
from services.data_plane.catalogue import Catalogue
from services.data_plane.connection import Caller, Route, Visitor
from services.data_plane.quota import Quotas
from services.data_plane.refusal import RefusedError
from services.data_plane.registry import Connection, Registry
from services.data_plane.routing import match_again
from services.data_plane.table import RouteTable
from shared.claims import AccessClaims

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.1
"""Between two walks over all connections, however often the catalogue changes."""

AT_ONCE: Final = 200
"""So many are looked at before others get a turn."""

_UNRENEWABLE: Final = "No token opened the connection, so none can renew it."
_OTHER_HOLDER: Final = "The token is of another application, type of key, person, or proven key."
_ON_AN_OPEN_CONNECTION: Final = {"api_not_found": "api_retired", "subscription_missing": "subscription_removed"}
_NO_REASON_TO_END: Final = frozenset({"not_ready", "key_type_unserved"})


async def follow(catalogue: Catalogue, registry: Registry, note_policy: Callable[[Connection], None]) -> None:
    """Look at every connection after each change, until cancelled: what it did so far was under the policy before."""
    while True:
        await catalogue.changed.wait()
        catalogue.changed.clear()
        for index, connection in enumerate(registry.all()):
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if connection.relay.ended:
                continue
            note_policy(connection)
            if hold_to(connection, catalogue.table, registry.now()):
                registry.time_out(connection)
        await asyncio.sleep(PAUSE_SECONDS)


def reconsider(
    route: Route, caller: Caller, visitor: Visitor, table: RouteTable, now: float
) -> tuple[Route, Caller, Quotas]:
    """Return what a table that is newer says of a route and its caller. Raises `RefusedError`: what has to end.

    `now` is the wall clock in seconds.
    """
    caller = find_again(caller, visitor, table, now)
    again = match_again(route, table)
    check_auth(again, caller)
    check_trust(again.api, caller)
    if again is not route:
        check_origin(again.api, visitor.origin)
    _, quotas = review(again, caller, visitor.address, table)
    return again, caller, quotas


def hold_to(connection: Connection, table: RouteTable, now: float) -> bool:
    """Have one connection follow a table, and tell whether it goes on.

    What would be refused now is closed, and limits that changed are replaced.
    """
    try:
        route, caller, quotas = reconsider(connection.route, connection.caller, connection.visitor, table, now)
    except RefusedError as refused:
        slug = refused.problem.slug
        if slug in _NO_REASON_TO_END:
            return True
        connection.relay.close(_ON_AN_OPEN_CONNECTION.get(slug, slug))
        return False
    except Exception:
        # A fault of ours: what one definition brings about must not end the pod.
        log.exception("connection %s can't be held to what changed", connection.request_id)
        connection.relay.close("internal_error")
        return False
    connection.route, connection.caller = route, caller
    if quotas != connection.allotment.quotas:
        connection.allotment.replace(quotas)
        connection.relay.client.set_meter(connection.allotment.publish)
        connection.relay.backend.set_meter(connection.allotment.subscribe)
    return True


def renew(connection: Connection, claims: AccessClaims, key_id: str | None, table: RouteTable, now: float) -> bool:
    """Have a connection go on with a fresh token of whoever opened it, and tell whether it does.

    Raises `RefusedError`.
    """
    if connection.caller.claims is None:
        raise RefusedError("token_invalid", _UNRENEWABLE)
    caller = find_caller(claims, table, key_id)
    if _holder(caller) != _holder(connection.caller):
        raise RefusedError("token_invalid", _OTHER_HOLDER)
    check_scopes(connection.route.scopes, claims.scopes)
    connection.caller = caller
    return hold_to(connection, table, now)


def _holder(caller: Caller) -> tuple[object, ...]:
    application, claims = caller.application, caller.claims
    return (application and application.id, caller.key_type, claims and claims.sub, claims and claims.cnf)
