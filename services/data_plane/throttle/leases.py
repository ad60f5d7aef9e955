"""The credit that this pod holds, and the one task that asks Redis for more."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from services.data_plane.connection import Quota
from services.data_plane.throttle.credit import Lease
from services.data_plane.throttle.decide import RETRY_SECONDS, size_lease
from shared import keys

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0

FAILURES_UNTIL_ALONE = 3
"""One late answer is no reason to decide without Redis."""

_SCRIPT = resources.files(__package__).joinpath("counters.lua").read_text()
_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()  # as EVALSHA names it


class LeaseBook:
    """All leases of this pod. Requests of one tick go to Redis in one pipeline; one is in flight at a time."""

    def __init__(self, redis: Redis, on_redis_loss: Literal["allow", "deny"]) -> None:
        self._redis = redis
        self._on_redis_loss = on_redis_loss
        self._leases: dict[str, Lease] = {}
        self._wanted: set[Lease] = set()
        self._wake = asyncio.Event()
        self._failures = 0
        self.live_pods = 1
        self.decisions_without_redis = 0

    def open(self, quota: Quota) -> Lease:
        """Return the lease that meters a quota, for one more connection."""
        key = keys.limit(quota.level, quota.subject, quota.rule.counter)
        lease = self._leases.get(key)
        if lease is None:
            lease = self._leases[key] = Lease(key, quota.rule.window_seconds)
        if lease.amount != quota.rule.amount:
            lease.amount = quota.rule.amount
            lease.low = size_lease(lease.amount) // 2
            lease.refused_until = 0.0
        lease.users += 1
        return lease

    def close(self, lease: Lease) -> None:
        """Let go of a lease for one connection; its credit goes back when nobody uses it."""
        lease.users -= 1

    def ask(self, lease: Lease) -> None:
        """Have more credit fetched, unless that is under way."""
        if not lease.asked:
            lease.asked = True
            self._want(lease)

    def _want(self, lease: Lease) -> None:
        self._wanted.add(lease)
        self._wake.set()

    def wait(self, lease: Lease, resume: Callable[[], None], now: float) -> None:
        """Call `resume` at the next answer about a lease. After a refusal the question waits a moment."""
        lease.waiters.add(resume)
        if now >= lease.refused_until:
            self.ask(lease)
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
            await self._fetch(wanted)

    async def sweep(self) -> None:
        """Give back the credit that lay idle for a second, and forget leases that nobody uses. Call each second."""
        now = time.monotonic()
        idle = [lease for lease in self._leases.values() if lease.credit and now - lease.spent_at > IDLE_SECONDS]
        await self._give_back(idle)
        for key in [key for key, lease in self._leases.items() if not lease.users and not lease.credit]:
            del self._leases[key]

    async def give_back_all(self) -> None:
        """Give back all credit: the pod is going."""
        await self._give_back([lease for lease in self._leases.values() if lease.credit])

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        if not leases:
            return
        returned = []
        for lease in leases:
            returned.append((lease, lease.credit))
            lease.credit = 0
        try:
            await self._call([(lease, 0, credit) for lease, credit in returned])
        except (RedisError, OSError) as error:
            # Lost until the window ends: less is let through, never more.
            log.warning("idle credit could not be given back: %s", error)

    async def _fetch(self, leases: Sequence[Lease]) -> None:
        loop = asyncio.get_running_loop()
        asked_at = time.monotonic()
        try:
            answers = await self._call([(lease, size_lease(lease.amount), 0) for lease in leases])
        except (RedisError, OSError) as error:
            self._failures += 1
            if self._failures >= FAILURES_UNTIL_ALONE:
                log.warning("throttling without redis: %s", error)
                for lease in leases:
                    self._decide_alone(lease)
        else:
            self._failures = 0
            for lease, (granted, window, left_ms, _) in zip(leases, answers, strict=True):
                self._take(lease, granted, window, asked_at + left_ms / 1000)
        for lease in leases:
            lease.asked = False
            waiters, lease.waiters = lease.waiters, set()
            for waiter in waiters:
                loop.call_soon(waiter)

    def _take(self, lease: Lease, granted: int, window: int, window_ends: float) -> None:
        """Add what was granted. `window_ends` counts from before the question: never later than Redis' boundary."""
        if window != lease.window:
            lease.credit = 0
        lease.window = window
        lease.window_ends = window_ends
        lease.credit += granted
        now = time.monotonic()
        lease.spent_at = now
        lease.refused_until = 0.0 if granted else min(window_ends, now + RETRY_SECONDS)

    def _decide_alone(self, lease: Lease) -> None:
        """Redis is away: this pod's own share of a window, or nothing."""
        self.decisions_without_redis += 1
        now = time.monotonic()
        if self._on_redis_loss == "deny":
            lease.refused_until = now + RETRY_SECONDS
        elif now >= lease.window_ends:
            lease.window = 0
            lease.window_ends = now + lease.window_seconds
            lease.credit = max(1, lease.amount // self.live_pods)
            lease.spent_at = now
        else:
            lease.refused_until = min(lease.window_ends, now + RETRY_SECONDS)

    async def _call(self, requests: Sequence[tuple[Lease, int, int]]) -> list[list[int]]:
        """Run the script for (lease, wanted, returned) triples, in one round trip."""
        try:
            return await self._evaluate(requests)
        except NoScriptError:
            await self._redis.script_load(_SCRIPT)
            return await self._evaluate(requests)

    async def _evaluate(self, requests: Sequence[tuple[Lease, int, int]]) -> list[list[int]]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for lease, wanted, returned in requests:
                milliseconds = lease.window_seconds * 1000
                pipe.evalsha(_SHA, 1, lease.key, lease.amount, milliseconds, wanted, returned, lease.window)
            return await pipe.execute()
