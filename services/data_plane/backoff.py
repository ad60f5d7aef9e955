"""How long to wait before trying again."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from redis.exceptions import RedisError

log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 5.0

_MOST_DOUBLINGS: Final = 10  # beyond, a float would overflow one day, and the longest wait is reached anyway


def draw_delay(failures: int, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> float:
    """Return some seconds, more after each failure: up to `first`, twice that, and so on up to `longest`.

    Full jitter (Brooker, Exponential Backoff and Jitter, 2015): pods that lost the same Redis don't return in step.
    """
    return random.uniform(0, min(longest, first * 2 ** min(failures - 1, _MOST_DOUBLINGS)))  # noqa: S311 - no secret


async def persist(step: Callable[[], Awaitable[None]], trouble: str, start_over: Callable[[], None]) -> NoReturn:
    """Take one step after another until cancelled, and start over after each that failed. Redis may come and go."""
    failures = 0
    while True:
        try:
            await step()
            failures = 0
        except (RedisError, OSError, ValueError, KeyError) as error:
            failures += 1
            delay = draw_delay(failures)
            log.warning("%s, trying again in %.2f s: %s", trouble, delay, error)
            await asyncio.sleep(delay)
            start_over()
