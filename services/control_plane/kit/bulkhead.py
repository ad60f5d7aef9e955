import threading
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
