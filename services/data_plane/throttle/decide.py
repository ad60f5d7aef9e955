"""What a lease's credit allows: pure arithmetic over facts that others bring."""

from collections.abc import Iterable
from typing import Final, Literal

from shared.limits import OnExceed

Verdict = Literal["ask", "delay", "drop", "close"]

RETRY_SECONDS: Final = 0.25
"""How long a refusal is remembered: other pods may give credit back before the window ends."""

NEAR: Final = 0.8

_STRICTNESS: Final = ("ask", "delay", "drop", "close")


def strictest(actions: Iterable[OnExceed]) -> Verdict:
    """Return what happens where several limits are exceeded at once; `ask` where none is known to be."""
    return max(actions, key=_STRICTNESS.index, default="ask")


def comes_near(amount: int, before: int, after: int) -> bool:
    """Tell whether a limit came near its end between two counts: of all pods' calls, one says so in a window."""
    return before < amount * NEAR <= after


def share_alone(amount: int, live_pods: int, granted: int) -> int:
    """Return what a pod may still let through in a window without Redis: its even share, less what it had."""
    return max(0, max(1, amount // live_pods) - granted)
