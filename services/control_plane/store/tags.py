from collections.abc import Collection
from typing import Final

from sqlmodel import Session

from services.control_plane.catalogue import repository as catalogue_repository
from services.control_plane.kit import tenancy
from services.control_plane.store import repository
from services.control_plane.store.schemas import TagRead

_MOST: Final = 1000

Viewer = tuple[str | None, frozenset[str]]


class TagCounts:
    """The tags of what somebody finds in the store, counted anew when an API has changed.

    Counting reads all there is, and takes the longer the more there are.
    """

    def __init__(self) -> None:
        self._counted: dict[Viewer, tuple[int, list[TagRead]]] = {}

    def read(self, session: Session, roles: Collection[str]) -> list[TagRead]:
        edits = catalogue_repository.get_state(session).api_edits  # first: what comes meanwhile is counted next time
        viewer = tenancy.held(session), frozenset(roles)
        known = self._counted.get(viewer)
        if known is None or known[0] != edits:
            if len(self._counted) >= _MOST:
                self._counted.clear()
            found = repository.list_tags(session, roles)
            known = self._counted[viewer] = edits, [TagRead(name=name, apis=count) for name, count in found]
        return known[1]
