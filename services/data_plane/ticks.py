"""Chores are done together, in a lull: messages don't wait for them, or once and not for each."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Final

QUIET_SECONDS: Final = 50e-6
"""So long after a message, the answer to it has mostly come, and the next one is furthest away."""

AWAITED_SECONDS: Final = 600e-6
"""How long a message is waited for first: where they come less often, few meet a chore."""

LONGEST_SECONDS: Final = 2e-3
"""Where messages leave no lull, chores wait no longer than this."""

_IDLE_SECONDS: Final = 8e-6
"""A turn of the event loop takes longer if anything came: 20 us and more, and else 1 or 2."""

_LATE_SECONDS: Final = 0.001
"""uvloop's timers go by whole milliseconds, and may not come before their time."""


async def tick(seconds: float) -> float:
    """Wait until the monotonic clock shows a multiple of `seconds`, and for a lull.

    Return how late the loop noticed it, in seconds.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()
    due = now + seconds - now % seconds + _LATE_SECONDS
    await _wait(loop, due)
    noticed_at = _find(loop).noticed_at
    return (noticed_at if noticed_at >= due else loop.time()) - due  # else it came while a lull was looked for


async def lull() -> None:
    """Wait for a moment in which no message is under way, a little while at most."""
    loop = asyncio.get_running_loop()
    await _wait(loop, loop.time())


def at_lull(callback: Callable[[], None]) -> None:
    """Call back in the next lull."""
    loop = asyncio.get_running_loop()
    _find(loop).call_at(loop.time(), callback)


class _Lulls:
    """The chores of one event loop, and the one timer that they have."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._chores: list[tuple[float, Callable[[], None]]] = []
        self._timer: asyncio.Handle | None = None
        self._next = math.inf  # when it goes off; 0 while a lull is looked for
        self.noticed_at = 0.0

    def call_at(self, due: float, callback: Callable[[], None]) -> None:
        self._chores.append((due, callback))
        if due < self._next:
            self._set_timer(due)

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = due
        self._timer = self.loop.call_at(due, self._begin)

    def _begin(self) -> None:
        self._timer, self._next = None, 0.0
        self.noticed_at = self.loop.time()
        self._began = self._looked = self._passed = time.perf_counter()
        self.loop.call_soon(self._look)

    def _look(self) -> None:
        """Go once around the event loop, and again until there is a lull: each time messages are served first."""
        now = time.perf_counter()
        if now - self._looked > _IDLE_SECONDS:
            self._passed = now
        self._looked = now
        enough = AWAITED_SECONDS if self._passed == self._began else QUIET_SECONDS
        if now - self._passed < enough and now - self._began < LONGEST_SECONDS:
            self.loop.call_soon(self._look)
        else:
            self._do()

    def _do(self) -> None:
        now = self.loop.time()
        due = [callback for at, callback in self._chores if at <= now]
        self._chores = [chore for chore in self._chores if chore[0] > now]
        self._next = math.inf
        if self._chores:
            self._set_timer(min(at for at, _ in self._chores))
        for callback in due:
            callback()


class _Here(threading.local):
    """The chores of the loop that runs in this thread, or ran last: to know more would keep loops that are over."""

    lulls: _Lulls | None = None


_here = _Here()


def _find(loop: asyncio.AbstractEventLoop) -> _Lulls:
    if _here.lulls is None or _here.lulls.loop is not loop:
        _here.lulls = _Lulls(loop)
    return _here.lulls


async def _wait(loop: asyncio.AbstractEventLoop, due: float) -> None:
    reached = asyncio.Event()
    _find(loop).call_at(due, reached.set)
    await reached.wait()
