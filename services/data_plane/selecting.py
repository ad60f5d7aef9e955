"""Which connections a selection means."""

from services.data_plane.connection import Caller
from services.data_plane.registry import Connection
from shared.connections import Selection
from shared.definition import ApiDefinition


def selects(selection: Selection, connection: Connection) -> bool:
    """Tell whether an open connection is meant."""
    return matches(selection, connection.api, connection.caller, connection.address, connection.request_id)


def matches(selection: Selection, api: ApiDefinition | None, caller: Caller | None, address: str, id_: str) -> bool:
    """Tell whether a connection is meant, or a handshake of which less may be known: what isn't known never matches."""
    application = caller.application if caller else None
    wanted = (
        (selection.api_id, api and api.id),
        (selection.application_id, application and application.id),
        (selection.owner, application and application.owner),
        (selection.address, address),
    )
    if any(value is not None and value != held for value, held in wanted):
        return False
    held_to = selection.application_ids
    if held_to is not None and (application is None or application.id not in held_to):
        return False
    named = selection.application
    if named is not None and (application is None or named not in (application.id, application.name)):
        return False
    if selection.text is None:
        return True
    texts = (id_, address, *((api.name, api.context) if api else ()), application.name if application else "")
    return any(selection.text.casefold() in text.casefold() for text in texts)
