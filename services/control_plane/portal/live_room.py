"""How many pages may be told of news at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.control_plane.kit.problems import UnavailableError

PLACES: Final = 30
PLACES_A_SESSION: Final = 3


class LiveRoom:
    """Places for streams, of this process, and few of them for any one session."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        return self._taken.total()

    @contextmanager
    def place(self, session: str) -> Iterator[None]:
        """Hold a place for the block. Raises `UnavailableError` where there is none."""
        if self._taken[session] >= PLACES_A_SESSION or self.taken >= PLACES:
            raise UnavailableError("Too many live views are open: close one.", headers={"Retry-After": "5"})
        self._taken[session] += 1
        try:
            yield
        finally:
            self._taken[session] -= 1
            if not self._taken[session]:
                del self._taken[session]
