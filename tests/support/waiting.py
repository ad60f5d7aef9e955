"""Waiting for what happens elsewhere: polled, with a deadline, and failing with what was waited for."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

from cli.network import free_port

__all__ = ["eventually", "free_port", "wait_until"]

T = TypeVar("T")

_POLL_SECONDS = 0.01


@overload
async def eventually(predicate: Callable[[], Awaitable[T]], within: float = 5.0) -> T: ...
@overload
async def eventually(predicate: Callable[[], T], within: float = 5.0) -> T: ...
async def eventually(predicate: Callable[[], T | Awaitable[T]], within: float = 5.0) -> T:
    """Return what `predicate`, plain or async, answers as soon as that is true."""
    async with asyncio.timeout(within + 5):  # a predicate that hangs is no answer either
        deadline = time.monotonic() + within
        while True:
            answer = predicate()
            result: T = await answer if inspect.isawaitable(answer) else answer
            if result:
                return result
            _check(deadline, predicate, within)
            await asyncio.sleep(_POLL_SECONDS)


def wait_until(predicate: Callable[[], T], within: float = 5.0) -> T:
    """Return what `predicate` answers as soon as that is true: `eventually` for tests that aren't async."""
    deadline = time.monotonic() + within
    while not (answer := predicate()):
        _check(deadline, predicate, within)
        time.sleep(_POLL_SECONDS)
    return answer


def _check(deadline: float, predicate: Callable[[], object], within: float) -> None:
    if time.monotonic() < deadline:
        return
    try:
        source = inspect.getsource(predicate).strip()
    except (OSError, TypeError):
        source = repr(predicate)
    raise AssertionError(f"not within {within} s: {source}")
