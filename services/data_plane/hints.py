"""Tokens that name a key which their external issuer was not known to have: the control plane is to look again."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import keys

log = logging.getLogger(__name__)

GAP_SECONDS: Final = 30.0
"""For each issuer: anybody can make up keys."""

PAUSE_SECONDS: Final = 1.0


class KeyHints:
    """Says in Redis which issuers' keys seem to be out of date. No handshake waits for it."""

    def __init__(self, redis: Redis, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._redis = redis
        self._clock = clock
        self._noted: set[str] = set()
        self._told: dict[str, float] = {}
        self._wake = asyncio.Event()

    def note(self, issuer_name: str) -> None:
        """Remember that one of its tokens named an unknown key. There are as many names as issuers in the table."""
        if self._clock() - self._told.get(issuer_name, -math.inf) >= GAP_SECONDS:
            self._noted.add(issuer_name)
            self._wake.set()

    async def run(self) -> None:
        """Pass on what is noted, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._tell()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self) -> None:
        noted, self._noted = self._noted, set()
        self._told |= dict.fromkeys(noted, self._clock())
        try:
            await self._redis.sadd(keys.ISSUER_HINTS, *noted)
        except (RedisError, OSError) as error:  # the control plane looks again by itself, only later
            log.warning("the control plane can't be asked for the keys of %s: %s", ", ".join(sorted(noted)), error)
