"""A worker tells each second that it lives, and how it is; it learns how many others do."""

import logging
import math
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.ticks import lull, tick
from shared import keys
from shared.connections import Beat

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
GIVEN_UP_SECONDS: Final = 5.0
REMEMBERED_SECONDS: Final = 60
"""How long a lost worker is still told of."""

CLOCK_SECONDS: Final = 10.0
"""How long what Redis' clock showed is relied on: asking each time would be another round trip."""


class Heartbeat:
    """The beat of one worker."""

    def __init__(
        self, redis: Redis, worker: str, describe: Callable[[float], Beat], note_living: Callable[[int], None]
    ) -> None:
        """`describe` is given the time of Redis' clock: pods' own may differ.

        `note_living` is told after each beat how many workers live, of all pods.
        """
        self._redis = redis
        self._worker = worker
        self._describe = describe
        self._note_living = note_living
        self._ended = False
        self._clock_read_at = -math.inf
        self._clock_ahead = 0.0  # of the monotonic clock

    async def run(self) -> None:
        """Beat until cancelled, or ended."""
        while not self._ended:
            try:
                await self.beat()
            except (RedisError, OSError) as error:
                log.warning("no heartbeat: %s", error)
                self._clock_read_at = -math.inf  # who answers next may have another clock
            await tick(BEAT_SECONDS)
            await lull()  # a second one: a beat takes as long as all other chores together

    async def beat(self) -> None:
        """Say how this worker is, and learn how many live. Raises `RedisError` or `OSError`."""
        beat = self._describe(await self._read_time())
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(keys.PODS, {self._worker: beat.at + GIVEN_UP_SECONDS})
            pipe.zremrangebyscore(keys.PODS, "-inf", beat.at - REMEMBERED_SECONDS)
            pipe.zcount(keys.PODS, beat.at, "+inf")
            pipe.set(keys.beat(self._worker), beat.model_dump_json(), ex=REMEMBERED_SECONDS)
            living = (await pipe.execute())[2]
        self._note_living(max(1, living))

    async def _read_time(self) -> float:
        """Return Redis' clock, in seconds of the epoch."""
        if time.monotonic() - self._clock_read_at > CLOCK_SECONDS:
            seconds, microseconds = await self._redis.time()
            self._clock_read_at = time.monotonic()
            self._clock_ahead = float(seconds) + float(microseconds) / 1e6 - self._clock_read_at
        return time.monotonic() + self._clock_ahead

    async def end(self) -> None:
        """Say that this worker goes, so that nobody waits for it."""
        self._ended = True
        try:
            await self._redis.zrem(keys.PODS, self._worker)
            await self._redis.delete(keys.beat(self._worker))
        except (RedisError, OSError) as error:
            log.warning("could not say goodbye: %s", error)
