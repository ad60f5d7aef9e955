"""All limits of one direction of connections: a message debits every lease, or none."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from services.data_plane.quota import Quota
from services.data_plane.throttle.credit import UNLIMITED, Lease, least_credit, spend_all, spend_spare
from services.data_plane.throttle.decide import Verdict, strictest
from services.data_plane.throttle.leases import LeaseBook
from shared.limits import OnExceed

ANSWER_SECONDS: Final = 1.0


class Meter:
    """Counts messages and bytes against leases, for all connections that have the same quotas.

    They share it, so that what each message needs is near at hand.
    """

    __slots__ = ("_book", "_leases", "counts_bytes", "quotas", "users")

    def __init__(self, book: LeaseBook, quotas: Sequence[Quota]) -> None:
        self._book = book
        self.quotas = quotas
        self.users = 0
        self._leases = [book.open(quota) for quota in quotas]
        self.counts_bytes = any(lease.by_bytes for lease in self._leases)
        for lease in self._leases:
            if not lease.mark:
                book.ask(lease)  # so that the first message needn't wait

    def spend(self, messages: int, size: int) -> bool:
        """Spend so many messages and bytes if all leases have credit to spare; else nothing is spent."""
        return spend_spare(self._leases, messages, size, time.monotonic())

    def available(self) -> tuple[int, int]:
        """Return how many messages may pass now, and how many bytes."""
        now = time.monotonic()
        size = least_credit(self._leases, now, True) if self.counts_bytes else UNLIMITED
        return least_credit(self._leases, now, False), size

    def debit(self, messages: int, size: int) -> None:
        """Spend what `available` allowed; more is fetched before a lease runs dry."""
        now = time.monotonic()
        if spend_all(self._leases, messages, size, now):
            for lease in self._leases:
                if lease.is_low() and not lease.asked and now >= lease.refused_until:
                    self._book.ask(lease)

    def judge(self, size: int) -> Verdict:
        """Say what happens to a message of so many bytes that has no credit: `ask` while more may be had."""
        now = time.monotonic()
        lacking = self._lacking(size, now)
        return strictest(quota.on_exceed for quota, lease in lacking if lease.is_refused(_cost(lease, size), now))

    def note(self, action: OnExceed, size: int) -> None:
        """Count that a limit made itself felt."""
        quota, _ = self.report(size)
        self._book.note_exceeded(quota, action)

    async def settle(self) -> Verdict | None:
        """Return what would happen to a message now, asking Redis where that isn't known; None if it would pass."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while min(self.available()) <= 0 and self.judge(1) == "ask":
                    answered: asyncio.Future[None] = loop.create_future()
                    resume = partial(_resolve, answered)
                    self.wait(resume, 1)
                    try:
                        await answered
                    finally:
                        self.stop_waiting(resume)
        except TimeoutError:
            return None  # the first message will know
        return None if min(self.available()) > 0 else self.judge(1)

    def longest_delay(self, size: int) -> float:
        """Return for how many seconds a message may be held back by what is exceeded now."""
        lacking = self._lacking(size, time.monotonic())
        return min((quota.max_delay_seconds for quota, _ in lacking), default=0.0)

    def report(self, size: int = 1) -> tuple[Quota, float]:
        """Return the limit that is exceeded, and in how many seconds there is more."""
        now = time.monotonic()
        quota, lease = next(self._lacking(size, now), (self.quotas[0], self._leases[0]))
        return quota, max(0.0, lease.window_ends - now)

    def wait(self, resume: Callable[[], None], size: int) -> None:
        """Call `resume` once there is news of the leases that lack credit for a message of so many bytes."""
        now = time.monotonic()
        for _, lease in self._lacking(size, now):
            self._book.wait(lease, _cost(lease, size), resume, now)

    def stop_waiting(self, resume: Callable[[], None]) -> None:
        for lease in self._leases:
            lease.waiters.discard(resume)

    def left(self) -> list[tuple[Quota, int, float]]:
        """Return of each limit that has windows, as far as it is known, how much is left and for how many seconds."""
        now = time.monotonic()
        return [
            (self.quotas[index], max(0, lease.amount - lease.spent + lease.available(now)), lease.window_ends - now)
            for index, lease in enumerate(self._leases)
            if not (lease.rolling or lease.shadow) and now < lease.window_ends
        ]

    def close(self) -> None:
        """Let go of the leases."""
        for lease in self._leases:
            self._book.close(lease)

    def _lacking(self, size: int, now: float) -> Iterator[tuple[Quota, Lease]]:
        for quota, lease in zip(self.quotas, self._leases, strict=True):
            if not lease.shadow and lease.available(now) < _cost(lease, size):
                yield quota, lease


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _cost(lease: Lease, size: int) -> int:
    return size if lease.by_bytes else 1
