"""Credit that was leased, and how messages spend it: all leases of a message, or none. Compiled where that can be."""

from collections.abc import Callable
from typing import Final

UNLIMITED: Final = 1 << 62

_BRIEFEST_SECONDS: Final = 0.05
_LASTING_SECONDS: Final = 0.3
_LEASES_A_WINDOW: Final = 200
_FEW_MESSAGES: Final = 16
_FEW_BYTES: Final = 16 * 1024


class Lease:
    """Credit of one limit. Connections debit it directly; it is void after `valid_until`."""

    __slots__ = (
        "amount",
        "asked",
        "by_bytes",
        "credit",
        "fetched_at",
        "filled",
        "granted",
        "key",
        "labels",
        "least",
        "low",
        "mark",
        "most",
        "refused_need",
        "refused_until",
        "rolling",
        "shadow",
        "size",
        "spent",
        "spent_at",
        "users",
        "valid_until",
        "waiters",
        "window_ends",
        "window_seconds",
    )

    def __init__(self, key: str, level: str, unit: str, *, rolling: bool) -> None:
        self.key = key
        self.labels = (level, unit)
        self.by_bytes = unit == "bytes"  # a message costs its payload, not 1
        self.rolling = rolling
        self.amount = 0
        self.window_seconds = 0.0
        self.shadow = False
        self.size = 1  # how much is asked for
        self.low = 0  # more is asked for when no more credit than this is left
        self.least = 1  # the cheapest message that waits
        self.most = 1  # and the dearest
        self.mark = 0  # the window
        self.window_ends = 0.0
        self.valid_until = 0.0
        self.credit = 0
        self.granted = 0  # to this pod, in this window
        self.spent = 0  # by all pods, as far as is known
        self.fetched_at = 0.0
        self.filled = 0  # with so much credit, when it was fetched
        self.refused_until = 0.0
        self.refused_need = 1  # so much was refused: less may be there
        self.spent_at = 0.0
        self.users = 0
        self.asked = False
        self.waiters: set[Callable[[], None]] = set()

    def available(self, now: float) -> int:
        """Return the credit that may be spent now: none of a window that has ended."""
        if now >= self.valid_until:
            self.credit = 0
        return self.credit

    def is_low(self) -> bool:
        """Tell whether more should be asked for before somebody waits.

        Where single messages were granted that would cost more than it saves: the next one may be long in coming.
        """
        return self.credit < 0 or 0 < self.low >= self.credit

    def is_refused(self, cost: int, now: float) -> bool:
        """Tell whether it is known that a message of this cost can't have credit."""
        return now < self.refused_until and cost - self.credit >= self.refused_need

    def fit(self, granted: int, spent: int, now: float) -> None:
        """Ask for more or less at a time, so that a lease lasts for a while and little lies idle.

        `spent` is how much was since the last time. Where less was granted than asked for, that it didn't last says
        nothing about the need; and that a few messages came soon after each other says little.
        """
        lasted, enough = now - self.fetched_at, _BRIEFEST_SECONDS
        if not self.rolling:  # what a bucket grants is soon void
            enough = min(_LASTING_SECONDS, max(enough, self.window_seconds / _LEASES_A_WINDOW))
        if lasted < enough and granted >= self.size:
            if self.rolling or spent < (_FEW_BYTES if self.by_bytes else _FEW_MESSAGES):
                self.size *= 2
            else:
                wanted = int(3 * enough * spent / max(lasted, 0.001))
                self.size = max(self.size, min(wanted, 8 * self.size))
        elif lasted > 4 * enough:
            self.size //= 2
        largest = self.amount // 4
        self.size = min(self.size, largest)
        self.size = max(self.size, 1)
        self.fetched_at = now


def spend_spare(leases: list[Lease], messages: int, size: int, now: float) -> bool:
    """Spend messages if all leases have credit to spare for them; else nothing: more has to be asked for."""
    for lease in leases:
        if lease.credit - (size if lease.by_bytes else messages) < lease.low or now >= lease.valid_until:
            return False
    for lease in leases:
        lease.credit -= size if lease.by_bytes else messages
        lease.spent_at = now
    return True


def spend_all(leases: list[Lease], messages: int, size: int, now: float) -> bool:
    """Spend what was allowed. Return whether more should be asked for."""
    low = False
    for lease in leases:
        lease.credit -= size if lease.by_bytes else messages
        lease.spent_at = now
        if lease.is_low():
            low = True
    return low


def least_credit(leases: list[Lease], now: float, by_bytes: bool) -> int:
    """Return how many messages, or bytes, all leases that bind allow."""
    least = UNLIMITED
    for lease in leases:
        if lease.by_bytes == by_bytes and not lease.shadow:
            credit = lease.available(now)
            if credit < least:  # noqa: PLR1730 - `min` costs a call
                least = credit
    return least
