"""What the models stand on: real scripts and a real Redis, and a network that loses answers or delays questions."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from prometheus_client import CollectorRegistry
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from services.data_plane.quota import Quota
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.scripts import SLOTS, Answer, Call, Scripts
from shared.limits import Rule, Unit

T = TypeVar("T")

PODS = 3
WINDOW_ANSWER = 5

Fate = Literal["heard", "unheard", "late"]
"""What becomes of a question: answered, carried out without the pod hearing of it, or carried out much later."""


FATES: st.SearchStrategy[Fate] = st.sampled_from(["heard", "heard", "heard", "unheard", "late"])

pods = st.integers(0, PODS - 1)


def check(machine: Callable[[], RuleBasedStateMachine], examples: int, *, timed: bool = True) -> None:
    """Try many runs of a model. Where time matters, what fails isn't made smaller: the next run takes other times."""
    phases = [phase for phase in Phase if phase is not Phase.shrink or not timed]
    made = cast("type[RuleBasedStateMachine]", machine)  # whatever makes one will do
    run_state_machine_as_test(made, settings=settings(max_examples=examples, stateful_step_count=40, phases=phases))


class Wire(Scripts):
    """One pod's way to Redis. Its clock runs at `pace`; what it shows doesn't matter, for it never goes to Redis."""

    def __init__(self, redis: AsyncRedis, metrics: ThrottleMetrics, pace: float = 1.0) -> None:
        super().__init__(redis, metrics)
        self.pace = pace
        self.fate: Fate = "heard"
        self.late: list[Call] = []
        self.silent = False
        self.meanwhile: Callable[[], None] = lambda: None
        self._newest = 0

    @property
    def has_said_newer(self) -> bool:
        """Whether the question that would be heard late was followed by others that were heard."""
        return bool(self.late) and _number(self.late[-1]) < self._newest

    async def run(self, calls: Sequence[Call]) -> list[Answer | None]:
        calls = [self._as_of_long_ago(call) for call in calls]
        if self.fate == "late":
            self.late += calls
            return [None] * len(calls)
        answers = await self._carry_out(calls)
        self.meanwhile()
        return [self._as_it_lasts(answer) if self.fate == "heard" else None for answer in answers]

    async def hear_late(self) -> None:
        """Have one late question carried out, any but the first first; nobody waits for the answer."""
        if self.late:
            await self._carry_out([self.late.pop()])

    async def _carry_out(self, calls: Sequence[Call]) -> list[Answer]:
        answers = [answer for answer in await super().run(calls) if answer is not None]
        assert len(answers) == len(calls), "Redis is there"
        self._newest = max([self._newest, *map(_number, calls)])
        return answers

    def _as_it_lasts(self, answer: Answer) -> Answer:
        """Return an answer whose validity lasts as long as a clock of this pace takes for it."""
        if len(answer) < WINDOW_ANSWER:
            return answer
        granted, mark, valid_ms, *rest = answer
        return [granted, mark, cast("int", valid_ms / self.pace), *rest]

    def _as_of_long_ago(self, call: Call) -> Call:
        """Say what a pod says last before it dies as if it had been silent since; all others are in good time."""
        if call.script is not SLOTS:
            return call
        amount, pod, held, wanted, _, number, _, shadow = call.arguments
        return Call(call.script, call.key, (amount, pod, held, wanted, 1 if self.silent else 60_000, number, 1, shadow))


def _number(call: Call) -> int:
    return int(call.arguments[5])


@dataclass(frozen=True, slots=True)
class Site:
    """A Redis, and the loop that pods run on: a model's rules are plain functions."""

    redis: Redis
    runner: asyncio.Runner
    client: AsyncRedis
    metrics: ThrottleMetrics

    @classmethod
    def open(cls, url: str) -> "Site":
        return cls(
            Redis.from_url(url), asyncio.Runner(), AsyncRedis.from_url(url), ThrottleMetrics(CollectorRegistry())
        )

    def close(self) -> None:
        self.runner.run(self.client.aclose())
        self.runner.close()
        self.redis.close()

    def do(self, action: Callable[[], T]) -> T:
        """Return what `action` does in the loop."""

        async def doing() -> T:
            return action()

        return self.runner.run(doing())

    def now(self) -> float:
        """Return Redis' time in ms."""
        seconds, micros = self.redis.time()
        return float(seconds * 1000 + micros / 1000)

    def at(self, instant: float) -> float:
        """Return Redis' time at an instant of the monotonic clock: that or a moment later it is, surely not before."""
        return self.now() + (instant - time.monotonic()) * 1000

    def keys_without_end(self) -> list[bytes]:
        return [key for key in self.redis.scan_iter("fg:{limit:*") if self.redis.pttl(key) == -1]


def make_quota(amount: int, window_seconds: float = 0, *, unit: Unit = "messages", rolling: bool = False) -> Quota:
    """Return a limit of one subscription. Its window may be shorter than any policy's."""
    fields: dict[str, Any] = {"unit": unit, "amount": amount, "window_seconds": window_seconds, "rolling": rolling}
    rule = Rule.model_construct(direction="publish", counter="model", **fields)
    return Quota("subscription", "application-api", rule, "drop", 1.0, shadow=False)
