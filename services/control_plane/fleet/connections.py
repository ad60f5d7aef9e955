"""Open connections of all pods: listed, closed, renewed."""

from operator import attrgetter

from services.control_plane.fleet.enquirer import Answers, Enquirer
from services.control_plane.fleet.errors import RenewalRefusedError, too_many
from services.control_plane.fleet.schemas import (
    ConnectionPage,
    ConnectionPaging,
    ConnectionRenewed,
    ConnectionsClosed,
    read_connection,
)
from shared.claims import AccessClaims
from shared.connections import CloseConnections, Closer, ListConnections, RenewConnection, Selection


class ConnectionService:
    """What each caller may do with the connections that a selection holds them to. Nothing here needs the database."""

    def __init__(self, enquirer: Enquirer) -> None:
        self._enquirer = enquirer

    def list_page(self, selection: Selection, paging: ConnectionPaging) -> ConnectionPage:
        """Return some of the connections. Raises `UnavailableError`."""
        first = paging.offset + paging.limit
        found = self._enquirer.ask(ListConnections(selection=selection, first=first, newest=paging.newest))
        ordered = sorted(found.connections, key=attrgetter("opened_at", "id"), reverse=paging.newest)
        return ConnectionPage(
            items=[read_connection(connection) for connection in ordered[paging.offset : first]],
            total=found.matched,
            limit=paging.limit,
            offset=paging.offset,
            unanswered=found.unanswered,
        )

    def close_one(self, id_: str, held_to: Selection, reason: Closer) -> None:
        """Close a connection. Raises `NotFoundError` or `UnavailableError`."""
        self._close(held_to.model_copy(update={"id": id_}), reason).the_one()

    def close_all(
        self, selection: Selection, held_to: Selection, reason: Closer, *, everything: bool
    ) -> ConnectionsClosed:
        """Close what matches. Raises `InvalidError` where nothing is selected, or `UnavailableError`."""
        if selection == held_to and not everything:
            raise too_many()
        closed = self._close(selection, reason)
        return ConnectionsClosed(closed=closed.matched, unanswered=closed.unanswered)

    def renew(self, id_: str, claims: AccessClaims, key_id: str | None) -> ConnectionRenewed:
        """Have a connection go on with a token that was verified, and that a key of ours signed.

        Raises `NotFoundError`, `RenewalRefusedError` or `UnavailableError`.
        """
        answer = self._enquirer.ask(RenewConnection(id=id_, claims=claims, key_id=key_id)).the_one()
        if answer.refused is not None:
            raise RenewalRefusedError(answer.refused, answer.detail)
        return ConnectionRenewed.model_validate({"id": id_, "expires_at": answer.expires_at})

    def _close(self, selection: Selection, reason: Closer) -> Answers:
        return self._enquirer.ask(CloseConnections(selection=selection, reason=reason))
