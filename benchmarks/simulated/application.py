"""One application on many pods: events in order of their time, with the pods' own leases and Redis' own rule."""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from benchmarks.simulated.window import Window
from services.data_plane.throttle.credit import Lease
from services.data_plane.throttle.decide import RETRY_SECONDS
from services.data_plane.throttle.leases import FIRST_MESSAGES, IDLE_SECONDS, SWEEP_SECONDS

WINDOW_SECONDS = 10
ROUND_TRIP_SECONDS = 0.001
TICK_SECONDS = 0.002
"""Messages of a fast pod come in bunches of so much time: a pod handles what one read brings at once."""


@dataclass(slots=True)
class Pod:
    """What one pod has of an application: connections that send so many messages a second, and a lease."""

    rate: float
    lease: Lease
    waiting: int = 0
    demand: int = 0
    passed: int = 0
    dropped: int = 0
    sweeping: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One window of an application."""

    amount: int
    demand: int
    passed: int
    questions: int
    fairness: float


class Simulation:
    """Two windows: the first finds the leases' sizes, the second counts. What has no credit is dropped."""

    def __init__(self, rates: Sequence[float], amount: int, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._amount = amount
        self._window = Window()
        self._events: list[tuple[float, int, Callable[[Pod], None], Pod]] = []
        self._numbers = count()
        self._now = 0.0
        self._questions = 0
        self._pods = [Pod(rate, self._lease()) for rate in rates]

    def run(self) -> Outcome:
        for pod in self._pods:
            self._next_messages(pod)
        self._run_until(WINDOW_SECONDS)
        for pod in self._pods:
            pod.demand = pod.passed = pod.dropped = 0
        self._questions = 0
        self._run_until(2 * WINDOW_SECONDS)
        demand, passed = sum(pod.demand for pod in self._pods), sum(pod.passed for pod in self._pods)
        return Outcome(self._amount, demand, passed, self._questions, fairness(list(self._shares())))

    def _lease(self) -> Lease:
        lease = Lease("", "subscription", "messages", rolling=False)
        lease.amount, lease.window_seconds, lease.size = self._amount, WINDOW_SECONDS, FIRST_MESSAGES
        return lease

    def _shares(self) -> Iterator[float]:
        """Yield which part of its demand each pod let through."""
        for pod in self._pods:
            if pod.demand:
                yield pod.passed / pod.demand

    def _run_until(self, end: float) -> None:
        while self._events[0][0] < end:
            self._now, _, happens, pod = heapq.heappop(self._events)
            happens(pod)

    def _at(self, seconds: float, happens: Callable[[Pod], None], pod: Pod) -> None:
        heapq.heappush(self._events, (seconds, next(self._numbers), happens, pod))

    # What happens.

    def _next_messages(self, pod: Pod) -> None:
        bunch = max(1.0, pod.rate * TICK_SECONDS)
        self._at(self._now + self._random.expovariate(pod.rate / bunch), self._come, pod)

    def _come(self, pod: Pod) -> None:
        messages = max(1, round(pod.rate * TICK_SECONDS))
        pod.demand += messages
        pod.waiting += messages
        self._spend(pod)
        self._next_messages(pod)

    def _spend(self, pod: Pod) -> None:
        """Let through what there is credit for, as a pump does with its meter."""
        lease = pod.lease
        spent = min(pod.waiting, lease.available(self._now))
        if spent:
            lease.credit -= spent
            lease.spent_at = self._now
            pod.passed += spent
            pod.waiting -= spent
        if pod.waiting and self._now < lease.refused_until:
            pod.dropped += pod.waiting
            pod.waiting = 0
        elif (pod.waiting or lease.is_low()) and not lease.asked and self._now >= lease.refused_until:
            lease.asked = True
            self._at(self._now + ROUND_TRIP_SECONDS / 2, self._ask, pod)
        self._sweep_later(pod)

    def _ask(self, pod: Pod) -> None:
        lease, lack = pod.lease, max(1, 1 - pod.lease.credit)
        answer = self._question(max(lease.size, lack), lack, 0, lease.mark)
        asked_at = self._now - ROUND_TRIP_SECONDS / 2
        self._at(self._now + ROUND_TRIP_SECONDS / 2, lambda pod: self._hear(pod, answer, asked_at), pod)

    def _hear(self, pod: Pod, answer: Sequence[int], asked_at: float) -> None:
        """Do what `LeaseBook._take` does."""
        lease = pod.lease
        granted, mark, valid_ms, _, wait_ms = answer
        spent = lease.filled - lease.available(self._now)
        if mark != lease.mark:
            lease.credit = spent = 0
        lease.mark, lease.valid_until = mark, asked_at + valid_ms / 1000
        lease.credit += granted
        lease.spent_at = self._now
        lease.low = granted // 2
        lease.refused_until = 0.0 if granted else asked_at + min(wait_ms / 1000, RETRY_SECONDS)
        lease.asked = False
        if granted:
            lease.fit(granted, spent, self._now)
            lease.filled = lease.credit
        self._spend(pod)

    def _sweep_later(self, pod: Pod) -> None:
        if pod.lease.credit and not pod.sweeping:
            pod.sweeping = True
            self._at(pod.lease.spent_at + IDLE_SECONDS + self._random.random() * SWEEP_SECONDS, self._sweep, pod)

    def _sweep(self, pod: Pod) -> None:
        """Give back what has been idle."""
        lease, pod.sweeping = pod.lease, False
        if lease.credit and self._now - lease.spent_at > IDLE_SECONDS:
            self._question(0, 1, lease.credit, lease.mark)
            lease.credit = 0
        self._sweep_later(pod)

    def _question(self, wanted: int, least: int, returned: int, mark: int) -> list[int]:
        self._questions += 1
        # Windows are numbered by their beginning, and 0 is no number: time begins with the second.
        now = int(self._now * 1000) + WINDOW_SECONDS * 1000
        return self._window.lease(now, self._amount, WINDOW_SECONDS * 1000, wanted, least, returned, mark)


def fairness(shares: Sequence[float]) -> float:
    """Return Jain's index: 1 where all got the same part of their demand, 1/n where one got everything."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0
