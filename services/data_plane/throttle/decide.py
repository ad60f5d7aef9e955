"""What a lease's credit allows: pure arithmetic over facts that others bring."""

from collections.abc import Iterable
from typing import Final, Literal

from shared.limits import OnExceed

Verdict = Literal["ask", "delay", "drop", "close"]

RETRY_SECONDS: Final = 0.25
"""How long a refusal is remembered: other pods may give credit back before the window ends."""

SHARE: Final = 20
"""A lease is at most this part of a limit, so that little lies idle in one pod."""

LARGEST_LEASE: Final = 1000

_STRICTNESS: Final = ("ask", "delay", "drop", "close")


def size_lease(amount: int) -> int:
    """Return how much to lease at a time. A small limit is asked for one by one."""
    return max(1, min(amount // SHARE, LARGEST_LEASE))


def strictest(actions: Iterable[OnExceed]) -> Verdict:
    """Return what happens where several limits are exceeded at once; `ask` where none is known to be."""
    return max(actions, key=_STRICTNESS.index, default="ask")
