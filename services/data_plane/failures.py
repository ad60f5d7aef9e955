"""Failed credentials by address: who guesses is slowed down, and costs no signature check meanwhile."""

import time
from collections.abc import Callable
from typing import Final

from services.data_plane.refusal import RefusedError

MOST_A_SECOND: Final = 100
MOST_ADDRESSES: Final = 10_000
"""Beyond, new addresses are not counted in this second: memory is bounded, and nobody is refused for others' sake."""


class Failures:
    """Counts within each second of the clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def check(self, address: str) -> None:
        """Raise `RefusedError` for an address that failed too often in this second."""
        if self._counts and self._current().get(address, 0) >= MOST_A_SECOND:
            detail = "Too many credentials from this address were refused."
            raise RefusedError("too_many_requests", detail, {"Retry-After": "1"})

    def note(self, address: str) -> None:
        counts = self._current()
        if address in counts or len(counts) < MOST_ADDRESSES:
            counts[address] = counts.get(address, 0) + 1

    def _current(self) -> dict[str, int]:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._counts = {}
        return self._counts
