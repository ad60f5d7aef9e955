"""Connection limits: slots that this pod holds, and says that it holds, so that a pod that is gone loses its own."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Final, Literal

from services.data_plane.quota import Quota
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.decide import share_alone
from services.data_plane.throttle.scripts import SLOTS, Call, Scripts
from services.data_plane.ticks import tick
from shared import keys

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 3.0
SILENT_SECONDS: Final = 12.0
"""How long a pod may say nothing until its slots are given to others."""

GRACE_SECONDS: Final = 6.0
"""How long after Redis came back the others have to speak up, before their slots are given to this pod."""


class Slots:
    """The connections of one subject that this pod holds, and those that wait to be."""

    __slots__ = ("amount", "held", "key", "shadow", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.amount = 0
        self.shadow = False
        self.held = 0
        self.waiting: deque[asyncio.Future[bool]] = deque()


class SlotBook:
    """All slots of this pod. What changes in one tick goes to Redis in one pipeline; one is in flight at a time."""

    def __init__(
        self, pod: str, scripts: Scripts, metrics: ThrottleMetrics, on_redis_loss: Literal["allow", "deny"]
    ) -> None:
        self._pod = pod
        self._scripts = scripts
        self._metrics = metrics
        self._on_redis_loss = on_redis_loss
        self._slots: dict[str, Slots] = {}
        self._changed: set[Slots] = set()
        self._wake = asyncio.Event()
        self._telling = asyncio.Lock()  # who waits is counted for one question, and answered by that one
        self._numbers = count(1)
        self._there_since = time.monotonic()
        self.live_pods = 1

    async def take(self, quota: Quota) -> bool:
        """Take a slot, if there is one. `release` gives it back."""
        slots = self._find(quota)
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        slots.waiting.append(answered)
        self._change(slots)
        try:
            return await answered
        except asyncio.CancelledError:
            if answered.done() and not answered.cancelled() and answered.result():
                self._let_go(slots)
            raise

    def keep(self, quota: Quota) -> None:
        """Count a connection that is open already: a limit that came later doesn't end it."""
        slots = self._find(quota)
        slots.held += 1
        self._change(slots)

    def release(self, quota: Quota) -> None:
        """Give a slot back."""
        self._let_go(self._slots[_key(quota)])

    async def run(self) -> None:
        """Take and give back until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = list(self._changed), set()
            await self._tell(changed)

    async def renew(self) -> None:
        """Say again and again what is held, until cancelled."""
        while True:
            await tick(HEARTBEAT_SECONDS)
            for slots in self._slots.values():
                self._change(slots)

    async def give_back_all(self) -> None:
        """Give back what is held: the pod is going, and its connections are gone."""
        await self._tell(list(self._slots.values()))

    def _find(self, quota: Quota) -> Slots:
        slots = self._slots.setdefault(_key(quota), Slots(_key(quota)))
        slots.amount, slots.shadow = quota.rule.amount, quota.shadow
        return slots

    def _let_go(self, slots: Slots) -> None:
        slots.held -= 1
        self._change(slots)

    def _change(self, slots: Slots) -> None:
        self._changed.add(slots)
        self._wake.set()

    async def _tell(self, changed: Sequence[Slots]) -> None:
        async with self._telling:
            await self._tell_alone(changed)

    async def _tell_alone(self, changed: Sequence[Slots]) -> None:
        wanted = [len(slots.waiting) for slots in changed]
        held = [slots.held for slots in changed]
        calls = [self._call(*told) for told in zip(changed, held, wanted, strict=True)]
        answers = await self._scripts.run(calls)
        if None in answers:
            self._there_since = time.monotonic()
        for slots, answer, count_wanted in zip(changed, answers, wanted, strict=True):
            if answer:
                self._answer(slots, answer[0], count_wanted)
            elif answer is not None or self._scripts.away:
                self._answer(slots, self._decide_alone(slots, count_wanted), count_wanted)
            if slots.waiting:
                self._change(slots)
            elif answer and not slots.held and slots not in self._changed:
                self._slots.pop(slots.key, None)  # Redis knows that nothing is held

    def _call(self, slots: Slots, held: int, wanted: int) -> Call:
        silent_ms = round(SILENT_SECONDS * 1000)
        settled = int(time.monotonic() - self._there_since > GRACE_SECONDS)
        arguments = (slots.amount, self._pod, held, wanted, silent_ms, next(self._numbers), settled, int(slots.shadow))
        return Call(SLOTS, slots.key, arguments)

    def _answer(self, slots: Slots, granted: int, wanted: int) -> None:
        """Tell those who waited when the question was put, the first first."""
        for _ in range(wanted):
            answered = slots.waiting.popleft()
            if answered.cancelled():
                continue  # it hung up: what was granted to it goes back with the next word to Redis
            answered.set_result(granted > 0)
            if granted > 0:
                slots.held += 1
                granted -= 1
        if granted > 0:
            self._change(slots)

    def _decide_alone(self, slots: Slots, wanted: int) -> int:
        """Redis is away: this pod's own share, or none."""
        if not wanted:
            return 0
        self._metrics.without_redis.labels(self._on_redis_loss).inc()
        if slots.shadow:
            return wanted
        if self._on_redis_loss == "deny":
            return 0
        return min(wanted, share_alone(slots.amount, self.live_pods, slots.held))


def _key(quota: Quota) -> str:
    return keys.limit(quota.level, quota.subject, quota.rule.counter)
