"""The scripts that count in Redis: called in one round trip, within a bounded time, and not while Redis is away."""

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.data_plane.redis_client import look_again
from services.data_plane.telemetry import ThrottleMetrics

log = logging.getLogger(__name__)

FAILURES_UNTIL_AWAY: Final = 3
"""One late answer is no reason to decide without Redis."""

REST_SECONDS: Final = 1.0
"""How long a Redis that is away is left alone."""

Answer = list[int]

_LOST: Final = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, NoScriptError, OSError)
"""What says that Redis is away, or no primary. Anything else in an answer is about one key."""


@dataclass(frozen=True, slots=True)
class Script:
    source: str
    sha: str


def _read(name: str) -> Script:
    source = resources.files(__package__).joinpath(name).read_text()
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())  # as EVALSHA names it


WINDOW: Final = _read("window.lua")
BUCKET: Final = _read("bucket.lua")
SLOTS: Final = _read("slots.lua")


@dataclass(frozen=True, slots=True)
class Call:
    """A script on the counter of one limit, and so in one slot of a cluster."""

    script: Script
    key: str
    arguments: tuple[int | str, ...]


class Scripts:
    """Runs calls. `redis` has a short time limit, for frames wait for answers."""

    def __init__(self, redis: Redis, metrics: ThrottleMetrics) -> None:
        self._redis = redis
        self._metrics = metrics
        self._failures = 0
        self._rests_until = 0.0

    @property
    def away(self) -> bool:
        """Whether Redis is not to be waited for."""
        return self._failures >= FAILURES_UNTIL_AWAY

    async def run(self, calls: Sequence[Call]) -> list[Answer | None]:
        """Return each call's answer; `[]` for one that Redis can't carry out, and None for one without an answer.

        The last may have been carried out all the same.
        """
        nothing: list[Answer | None] = [None] * len(calls)
        if self.away and time.monotonic() < self._rests_until:
            return nothing
        try:
            answers = await self._evaluate(calls)
        except (RedisError, OSError) as error:
            self._fail(error)
            return nothing
        lost = [answer for answer in answers if isinstance(answer, _LOST)]
        if lost:
            await self._reconnect(lost)
            self._fail(lost[0])
        else:
            self._failures = 0
        return [self._read(call, answer) for call, answer in zip(calls, answers, strict=True)]

    @staticmethod
    def _read(call: Call, answer: Answer | Exception) -> Answer | None:
        if isinstance(answer, _LOST):
            return None
        if isinstance(answer, Exception):  # what lies there is no counter of ours: that one limit is concerned
            log.warning("%s can't be counted: %s", call.key, answer)
            return []
        return answer

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        if self.away:
            self._rests_until = time.monotonic() + REST_SECONDS
            if self._failures == FAILURES_UNTIL_AWAY:
                log.warning("throttling without redis: %s", error)

    async def _reconnect(self, errors: Sequence[Exception]) -> None:
        """Look for the primary anew where one that was is a replica now."""
        if any(isinstance(error, ReadOnlyError) for error in errors):
            await look_again(self._redis)

    async def _evaluate(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        answers = await self._send(calls)
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            for script in {calls[index].script for index in unknown}:
                await self._redis.script_load(script.source)
            for index, answer in zip(unknown, await self._send([calls[index] for index in unknown]), strict=True):
                answers[index] = answer
        return answers

    async def _send(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        self._metrics.calls.inc(len(calls))
        async with self._redis.pipeline(transaction=False) as pipe:
            for call in calls:
                # By name: redis-py's method is closed for clusters, where each call goes to its key's node anyway.
                pipe.execute_command("EVALSHA", call.script.sha, 1, call.key, *call.arguments)
            return await pipe.execute(raise_on_error=False)
