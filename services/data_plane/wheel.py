"""One timer for all connections: each stands in the slot of the second in which something is due for it."""

import math
from typing import Generic, TypeVar

T = TypeVar("T")


class Wheel(Generic[T]):
    """Items by the second in which they are due; an item stands in one slot at most.

    Putting and removing cost the same however many items there are, and turning only what is due (Varghese and Lauck,
    hashed timing wheels, 1987; the slots are a dictionary, so there are no rounds to count).
    """

    def __init__(self, now: float) -> None:
        self._slots: dict[int, set[T]] = {}
        self._slot_of: dict[T, int] = {}
        self._next = math.floor(now)  # the first slot that was not taken yet

    def put(self, item: T, due: float) -> None:
        """Have an item come at `due`, or up to a second later; infinity is never."""
        self.remove(item)
        if due < math.inf:
            slot = max(math.ceil(due), self._next)
            self._slot_of[item] = slot
            self._slots.setdefault(slot, set()).add(item)

    def remove(self, item: T) -> None:
        slot = self._slot_of.pop(item, None)
        if slot is not None:
            self._slots[slot].discard(item)

    def turn(self, now: float) -> list[T]:
        """Take out all that is due by now."""
        due: list[T] = []
        while self._next <= now:
            items = self._slots.pop(self._next, set())
            for item in items:
                del self._slot_of[item]
            due += items
            self._next += 1
        return due
