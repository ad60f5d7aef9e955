import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.control_plane.kit.problems import UnavailableError


class Bulkhead:
    """Room for only so many slow calls to the outside at once, so that they never take all threads."""

    def __init__(self, places: int, wait_seconds: float) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._wait_seconds = wait_seconds

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for the block. Raises `UnavailableError` where none is free in time."""
        if not self._places.acquire(timeout=self._wait_seconds):
            raise UnavailableError("Too many requests wait for something slow.", headers={"Retry-After": "2"})
        try:
            yield
        finally:
            self._places.release()


class Shares:
    """Only so many places for each, so that nobody takes all that there are."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, whose: str) -> Iterator[None]:
        """Hold a place for the block. Raises `UnavailableError` for one too many."""
        with self._lock:
            if self._taken[whose] >= self._each:
                detail = f"You have {self._each} of these open already: end one."
                raise UnavailableError(detail, headers={"Retry-After": "5"})
            self._taken[whose] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[whose] -= 1
                if not self._taken[whose]:
                    del self._taken[whose]
