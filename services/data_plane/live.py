"""What the catalogue says now holds for connections that are open already: they end, or other limits count."""

import asyncio
from typing import Final

from services.data_plane.admit import review
from services.data_plane.authenticate import check_trust, find_again
from services.data_plane.catalogue import Catalogue
from services.data_plane.connection import Caller
from services.data_plane.quota import Quotas
from services.data_plane.refusal import RefusedError
from services.data_plane.registry import Connection, Registry
from services.data_plane.routing import check_state
from services.data_plane.table import RouteTable
from shared.definition import ApiDefinition

PAUSE_SECONDS: Final = 0.1
"""Between two walks over all connections, however often the catalogue changes."""

AT_ONCE: Final = 200
"""So many are looked at before others get a turn."""

_ON_AN_OPEN_CONNECTION: Final = {"api_not_found": "api_retired", "subscription_missing": "subscription_removed"}
_NO_REASON_TO_END: Final = frozenset({"not_ready", "key_type_unserved"})


async def follow(catalogue: Catalogue, registry: Registry) -> None:
    """Look at every connection after each change, until cancelled."""
    while True:
        await catalogue.changed.wait()
        catalogue.changed.clear()
        for index, connection in enumerate(registry.all()):
            if index % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
            if not connection.relay.ended:
                hold_to(connection, catalogue.table)
        await asyncio.sleep(PAUSE_SECONDS)


def reconsider(
    api: ApiDefinition, caller: Caller, address: str, table: RouteTable
) -> tuple[ApiDefinition, Caller, Quotas]:
    """Return what a table that is newer says of an API and its caller. Raises `RefusedError`: what has to end."""
    caller = find_again(caller, table)
    api = check_state(table.apis.get(api.id))
    check_trust(api, caller)
    _, quotas = review(api, caller, address, table)
    return api, caller, quotas


def hold_to(connection: Connection, table: RouteTable) -> None:
    """Have one connection follow a table: what would be refused now is closed, and limits that changed are replaced."""
    try:
        api, caller, quotas = reconsider(connection.api, connection.caller, connection.address, table)
    except RefusedError as refused:
        slug = refused.problem.slug
        if slug not in _NO_REASON_TO_END:
            connection.relay.close(_ON_AN_OPEN_CONNECTION.get(slug, slug))
        return
    connection.api, connection.caller = api, caller
    if quotas != connection.allotment.quotas:
        connection.allotment.replace(quotas)
        connection.relay.client.set_meter(connection.allotment.publish)
        connection.relay.backend.set_meter(connection.allotment.subscribe)
