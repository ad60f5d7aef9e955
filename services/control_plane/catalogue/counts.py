from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from sqlmodel import Session

from services.control_plane.catalogue import repository as catalogue_repository
from services.control_plane.catalogue.models import CatalogueState
from services.control_plane.kit import tenancy

T = TypeVar("T")

_MOST: Final = 1000


class Counted(Generic[T]):
    """What is counted of all that somebody may see, counted anew when there is another edition of it.

    Counting reads all there is, and takes the longer the more there are.
    """

    def __init__(self, edition: Callable[[CatalogueState], int], count: Callable[..., T]) -> None:
        """`edition` grows with every change of what `count` reads, given a session and whatever tells viewers apart."""
        self._edition = edition
        self._count = count
        self._known: dict[tuple[Hashable, ...], tuple[int, T]] = {}

    def read(self, session: Session, *viewer: Hashable) -> T:
        edition = self._edition(catalogue_repository.get_state(session))  # first: later changes count next time
        key = tenancy.held(session), *viewer
        known = self._known.get(key)
        if known is None or known[0] != edition:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = edition, self._count(session, *viewer)
        return known[1]


def edition_of_apis(state: CatalogueState) -> int:
    return state.api_edits


def edition_of_accounts(state: CatalogueState) -> int:
    return state.account_edits


def edition_of_all(state: CatalogueState) -> int:
    """Return what grows with whatever pods know of."""
    return state.revision
