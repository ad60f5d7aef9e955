"""A time limit for what every handshake does: `asyncio.timeout` takes 3 % of one."""

import asyncio
from types import TracebackType
from typing import Any, Self, cast


class TimeLimit:
    """Cancels what is awaited within it when time is up, and raises `TimeoutError` then.

    As with `asyncio.timeout`, somebody else's cancellation goes on as one, and the limit's own is undone.
    """

    __slots__ = ("_before", "_is_over", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    def __enter__(self) -> Self:
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._before = self._task.cancelling()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._is_over and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _end(self) -> None:
        self._is_over = True
        self._task.cancel()
