"""All limits of one direction of one connection: a message debits every lease, or none."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from services.data_plane.connection import Quota
from services.data_plane.throttle.credit import Lease, least_credit, spend_one
from services.data_plane.throttle.decide import Verdict, strictest
from services.data_plane.throttle.leases import LeaseBook

ANSWER_SECONDS = 1.0


class Meter:
    """Counts one connection's messages against its leases."""

    __slots__ = ("_book", "_leases", "_quotas")

    def __init__(self, book: LeaseBook, quotas: Sequence[Quota]) -> None:
        self._book = book
        self._quotas = quotas
        self._leases = [book.open(quota) for quota in quotas]

    def available(self) -> int:
        """Return how many messages may pass now."""
        return least_credit(self._leases, time.monotonic())

    def spend(self) -> bool:
        """Spend one message if all leases have credit to spare; else nothing is spent, and more has to be asked for."""
        return spend_one(self._leases, time.monotonic())

    def debit(self, messages: int) -> None:
        """Spend what `available` allowed; more is fetched before a lease runs dry."""
        now = time.monotonic()
        for lease in self._leases:
            lease.credit -= messages
            lease.spent_at = now
            if lease.credit <= lease.low and not lease.asked and now >= lease.refused_until:
                self._book.ask(lease)

    def judge(self) -> Verdict:
        """Say what happens to a message that has no credit: `ask` while it isn't known whether there is more."""
        now = time.monotonic()
        return strictest(quota.on_exceed for quota, lease in self._empty(now) if now < lease.refused_until)

    def longest_delay(self) -> float:
        """Return for how many seconds a message may be held back by what is exceeded now."""
        return min((quota.max_delay_seconds for quota, _ in self._empty(time.monotonic())), default=0.0)

    def report(self) -> tuple[Quota, float]:
        """Return the limit that is exceeded, and in how many seconds its window ends."""
        now = time.monotonic()
        quota, lease = next(self._empty(now), (self._quotas[0], self._leases[0]))
        return quota, max(0.0, lease.window_ends - now)

    @property
    def may_close(self) -> bool:
        """Whether any of the limits closes a connection that exceeds it."""
        return any(quota.on_exceed == "close" for quota in self._quotas)

    async def may_pass(self) -> bool:
        """Tell whether a message would not close the connection, asking Redis where it isn't known here."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while not self.available() and self.judge() == "ask":
                    answered: asyncio.Future[None] = loop.create_future()
                    resume = partial(_resolve, answered)
                    self.wait(resume)
                    try:
                        await answered
                    finally:
                        self.stop_waiting(resume)
        except TimeoutError:
            return True  # the first message will know
        return bool(self.available()) or self.judge() != "close"

    def wait(self, resume: Callable[[], None]) -> None:
        """Call `resume` once there is news of the leases that have no credit."""
        now = time.monotonic()
        for _, lease in self._empty(now):
            self._book.wait(lease, resume, now)

    def stop_waiting(self, resume: Callable[[], None]) -> None:
        for lease in self._leases:
            lease.waiters.discard(resume)

    def close(self) -> None:
        """Let go of the leases: the connection has ended."""
        for lease in self._leases:
            self._book.close(lease)

    def _empty(self, now: float) -> Iterator[tuple[Quota, Lease]]:
        return (pair for pair in zip(self._quotas, self._leases, strict=True) if not pair[1].available(now))


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
