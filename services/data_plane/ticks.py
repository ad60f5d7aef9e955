"""Chores that are done together: a message that comes meanwhile waits once, and not for each of them."""

import asyncio
from typing import Final

_LATE_SECONDS: Final = 0.001
"""uvloop's timers go by whole milliseconds, and may not come before their time."""


def until_tick(seconds: float) -> float:
    """Return in how many seconds the monotonic clock shows a multiple of `seconds`."""
    return seconds - asyncio.get_running_loop().time() % seconds + _LATE_SECONDS
