"""The credit that this pod holds, and the one task that asks Redis for more."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal

from services.data_plane.quota import Quota
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.credit import Lease
from services.data_plane.throttle.decide import RETRY_SECONDS, comes_near, share_alone
from services.data_plane.throttle.scripts import BUCKET, WINDOW, Answer, Call, Scripts
from services.data_plane.ticks import at_lull, tick
from shared import keys
from shared.limits import OnExceed

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 0.6
SWEEP_SECONDS: Final = 0.5
BUCKET_SECONDS: Final = 0.1
"""How long credit of a bucket may be spent: what lies in pods is missing at once in Redis."""

STALE_SECONDS: Final = 3.0
"""How long credit may be spent whose Redis is away, where throttling is to deny without it."""

FIRST_MESSAGES: Final = 8
FIRST_BYTES: Final = 8 * 1024

_ALONE: Final = -1


class LeaseBook:
    """All leases of this pod. Questions of one lull go to Redis in one pipeline; one is in flight at a time."""

    def __init__(self, scripts: Scripts, metrics: ThrottleMetrics, on_redis_loss: Literal["allow", "deny"]) -> None:
        self._scripts = scripts
        self._metrics = metrics
        self._on_redis_loss = on_redis_loss
        self._leases: dict[str, Lease] = {}
        self._wanted: set[Lease] = set()
        self._wake = asyncio.Event()
        self.live_pods = 1

    def open(self, quota: Quota) -> Lease:
        """Return the lease that meters a quota, for one more connection."""
        rule = quota.rule
        key = keys.limit(quota.level, quota.subject, rule.counter)
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = Lease(key, quota.level, rule.unit, rolling=rule.rolling)
            lease.size = FIRST_BYTES if lease.by_bytes else FIRST_MESSAGES
        if lease.window_seconds != rule.window_seconds or rule.amount < lease.amount:
            # It would last for as long as the window that it was leased in, or let more through than is allowed now.
            lease.credit = min(0, lease.credit)
        if (lease.amount, lease.window_seconds, lease.shadow) != (rule.amount, rule.window_seconds, quota.shadow):
            lease.amount, lease.window_seconds, lease.shadow = rule.amount, rule.window_seconds, quota.shadow
            lease.refused_until = 0.0
        lease.users += 1
        return lease

    def close(self, lease: Lease) -> None:
        """Let go of a lease for one connection; the credit of one that nobody uses goes back at the next sweep."""
        lease.users -= 1
        if not lease.users:
            lease.spent_at = 0.0

    def note_exceeded(self, quota: Quota, action: OnExceed) -> None:
        """Count that a limit delayed, dropped or closed."""
        self._metrics.exceeded.labels(quota.level, quota.rule.unit, action).inc()

    def ask(self, lease: Lease) -> None:
        """Have more credit fetched in the next lull, unless that is under way."""
        if not lease.asked:
            lease.asked = True
            if not self._wanted:
                at_lull(self._wake.set)
            self._wanted.add(lease)

    def _want(self, lease: Lease) -> None:
        self._wanted.add(lease)
        self._wake.set()

    def wait(self, lease: Lease, cost: int, resume: Callable[[], None], now: float) -> None:
        """Call `resume` at the next answer about a lease. After a refusal the question waits a moment."""
        lease.waiters.add(resume)
        lease.least = min(lease.least, cost) if len(lease.waiters) > 1 else cost
        lease.most = max(lease.most, cost)
        if not lease.is_refused(cost, now):
            if not lease.asked:
                lease.asked = True
                self._wanted.add(lease)
            self._wake.set()  # also for what waits for a lull
        elif not lease.asked:
            lease.asked = True
            loop = asyncio.get_running_loop()
            loop.call_at(loop.time() + lease.refused_until - now, self._want, lease)

    async def run(self) -> None:
        """Fetch credit until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            wanted, self._wanted = list(self._wanted), set()
            if wanted:
                await self._fetch(wanted)

    async def sweep(self) -> None:
        """Give back credit that lies idle, and forget leases that nobody uses, until cancelled."""
        while True:
            await tick(SWEEP_SECONDS)
            now = time.monotonic()
            if self._scripts.away and self._on_redis_loss == "deny":
                for lease in self._leases.values():
                    lease.valid_until = min(lease.valid_until, now + STALE_SECONDS)
            for lease in self._leases.values():
                if lease.credit < 0:  # a shadow's, that went beyond
                    self.ask(lease)
            await self._give_back([lease for lease in self._leases.values() if _lies_idle(lease, now)])
            for key in [key for key, lease in self._leases.items() if _is_over(lease, now)]:
                del self._leases[key]

    async def give_back_all(self) -> None:
        """Give back all credit: the pod is going."""
        await self._give_back([lease for lease in self._leases.values() if lease.credit > 0])

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        calls = []
        for lease in leases:
            # Lost where Redis doesn't answer: less is let through, never more.
            if not lease.rolling and lease.mark != _ALONE:
                calls.append(_call(lease, 0, 1, lease.credit))
            lease.credit = 0
        if calls:
            await self._scripts.run(calls)

    async def _fetch(self, leases: Sequence[Lease]) -> None:
        loop = asyncio.get_running_loop()
        asked_at = time.monotonic()
        calls = [_question(lease, asked_at) for lease in leases]
        for lease, call, answer in zip(leases, calls, await self._scripts.run(calls), strict=True):
            lease.refused_need = int(call.arguments[3])
            if not answer:
                if answer is not None or self._scripts.away:
                    self._decide_alone(lease)
            elif call.arguments[1] == _milliseconds(lease):  # else the window has changed meanwhile
                self._take(lease, answer, asked_at)
            lease.asked = False
            lease.least = lease.most = 1
            waiters, lease.waiters = lease.waiters, set()
            for waiter in waiters:
                loop.call_soon(waiter)

    def _take(self, lease: Lease, answer: Answer, asked_at: float) -> None:
        """Add what was granted. Validity counts from before the question: it never outlasts the window in Redis."""
        granted, mark, valid_ms, spent, wait_ms = answer
        now = time.monotonic()
        left, goes_on = lease.available(now), mark == lease.mark
        if lease.rolling:
            # Of what was granted before the last time nothing is left: it would have been spent first.
            lease.credit = min(left, lease.granted)
            lease.granted = 0
        elif not goes_on:
            lease.credit = min(0, lease.credit)  # what a shadow went beyond is still to be counted
            lease.granted = 0
        if comes_near(lease.amount, spent - granted, spent):
            self._metrics.near_limits.labels(*lease.labels).inc()
            log.info("near a limit: %s, %d of %d", lease.key, spent, lease.amount)
        if lease.shadow and spent > lease.amount:
            self._metrics.shadow_excess.labels(*lease.labels).inc(min(granted, spent - lease.amount))
        lease.mark = mark
        lease.valid_until = asked_at + valid_ms / 1000
        lease.window_ends = asked_at + wait_ms / 1000
        lease.credit += granted
        lease.granted += granted
        lease.spent = spent
        lease.low = granted // 2
        lease.refused_until = 0.0 if granted else asked_at + min(wait_ms / 1000, RETRY_SECONDS)
        if granted:  # else what is left here suffices for nothing, and lies idle however often more is asked for
            lease.spent_at = now
            lease.fit(granted, lease.filled - left if goes_on else 0, now)
            lease.filled = lease.credit

    def _decide_alone(self, lease: Lease) -> None:
        """Redis is away: this pod's own share of a window, or nothing."""
        self._metrics.without_redis.labels(self._on_redis_loss).inc()
        now = time.monotonic()
        lease.refused_until = now + RETRY_SECONDS
        if self._on_redis_loss == "deny":
            return
        if lease.mark != _ALONE or now >= lease.window_ends:
            had = lease.granted if now < lease.window_ends else 0
            lease.mark = _ALONE
            lease.credit = lease.available(now) + share_alone(lease.amount, self.live_pods, had)
            lease.low = 0
            lease.valid_until = lease.window_ends = now + lease.window_seconds
            lease.spent_at = now


def _is_over(lease: Lease, now: float) -> bool:
    """Tell whether nothing is lost with a lease: a share of the pod's own is given once a window, and so remembered."""
    is_share = lease.mark == _ALONE and now < lease.window_ends
    return not (lease.users or lease.credit or lease.asked or is_share)


def _lies_idle(lease: Lease, now: float) -> bool:
    """Tell whether there is credit that others could use. A share without Redis is this pod's alone, and given once."""
    if lease.mark == _ALONE and now < lease.window_ends:
        return False
    return lease.credit > 0 and now - lease.spent_at > IDLE_SECONDS


def _question(lease: Lease, now: float) -> Call:
    """Return what to ask for: less than the cheapest message that waits is of no use."""
    least = max(1, lease.least - lease.available(now))
    return _call(lease, max(lease.size, least, lease.most - lease.credit), least, 0)


def _call(lease: Lease, wanted: int, least: int, returned: int) -> Call:
    script = BUCKET if lease.rolling else WINDOW
    shadow, valid_ms = int(lease.shadow), round(BUCKET_SECONDS * 1000)
    limit = lease.amount, _milliseconds(lease)
    return Call(script, lease.key, (*limit, wanted, least, returned, lease.mark, shadow, valid_ms))


def _milliseconds(lease: Lease) -> int:
    return round(lease.window_seconds * 1000)
