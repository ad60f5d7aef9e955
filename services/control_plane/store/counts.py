from collections.abc import Callable, Collection
from typing import Final, Generic, TypeVar

from sqlmodel import Session

from services.control_plane.catalogue import repository as catalogue_repository
from services.control_plane.kit import tenancy

T = TypeVar("T")

_MOST: Final = 1000


class Counted(Generic[T]):
    """What is counted of all that somebody finds in the store, counted anew when an API has changed.

    Counting reads all there is, and takes the longer the more there are.
    """

    def __init__(self, count: Callable[[Session, Collection[str]], T]) -> None:
        """`count` does so for somebody with these roles."""
        self._count = count
        self._known: dict[tuple[str | None, frozenset[str]], tuple[int, T]] = {}

    def read(self, session: Session, roles: Collection[str]) -> T:
        edits = catalogue_repository.get_state(session).api_edits  # first: what comes meanwhile is counted next time
        viewer = tenancy.held(session), frozenset(roles)
        known = self._known.get(viewer)
        if known is None or known[0] != edits:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[viewer] = edits, self._count(session, roles)
        return known[1]
