"""Credit that was leased, and how messages spend it: all leases of a message, or none. Compiled where that can be."""

from collections.abc import Callable
from typing import Final

UNLIMITED: Final = 1 << 62


class Lease:
    """Credit of one limit, in one window. Connections debit it directly."""

    __slots__ = (
        "amount",
        "asked",
        "credit",
        "key",
        "low",
        "refused_until",
        "spent_at",
        "users",
        "waiters",
        "window",
        "window_ends",
        "window_seconds",
    )

    def __init__(self, key: str, window_seconds: int) -> None:
        self.key = key
        self.window_seconds = window_seconds
        self.amount = 0
        self.low = 0  # more is asked for when no more credit than this is left
        self.window = 0
        self.window_ends = 0.0
        self.credit = 0
        self.refused_until = 0.0
        self.spent_at = 0.0
        self.users = 0
        self.asked = False
        self.waiters: set[Callable[[], None]] = set()

    def available(self, now: float) -> int:
        """Return the credit that may be spent now: none of a window that has ended."""
        if now >= self.window_ends:
            self.credit = 0
        return self.credit


def spend_one(leases: list[Lease], now: float) -> bool:
    """Spend one message if all leases have credit to spare; else spend nothing: more has to be asked for."""
    for lease in leases:
        if lease.credit <= lease.low or now >= lease.window_ends:
            return False
    for lease in leases:
        lease.credit -= 1
        lease.spent_at = now
    return True


def least_credit(leases: list[Lease], now: float) -> int:
    """Return how many messages all leases allow."""
    least = UNLIMITED
    for lease in leases:
        credit = lease.available(now)
        if credit < least:  # noqa: PLR1730 - `min` costs a call
            least = credit
    return least
