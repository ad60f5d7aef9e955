"""What is worked out from an object of the catalogue, and goes with it."""

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Attached(Generic[T]):
    """Values that belong to objects, and go when those go: there is no cache to bound, and none to clear."""

    def __init__(self) -> None:
        self._values: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._values)

    def of(self, owner: object, make: Callable[[], T]) -> T:
        """Return the value of this very object, made at the first call."""
        key = id(owner)  # the owner's equals have values of their own
        if key not in self._values:
            self._values[key] = make()
            weakref.finalize(owner, self._values.pop, key, None).atexit = False
        return self._values[key]
