"""How long to wait before trying again."""

import random
from typing import Final

FIRST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 5.0

_MOST_DOUBLINGS: Final = 10  # beyond, a float would overflow one day, and the longest wait is reached anyway


def draw_delay(failures: int, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> float:
    """Return some seconds, more after each failure: up to `first`, twice that, and so on up to `longest`.

    Full jitter (Brooker, Exponential Backoff and Jitter, 2015): pods that lost the same Redis don't return in step.
    """
    return random.uniform(0, min(longest, first * 2 ** min(failures - 1, _MOST_DOUBLINGS)))  # noqa: S311 - no secret
