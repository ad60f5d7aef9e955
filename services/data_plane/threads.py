"""Work that would block the loop, in threads that end with it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a function returns that blocks.

    The thread doesn't stand by for another: while a process has more than one, Linux guards its table of descriptors in
    every system call, which costs each relayed message 2 %.
    """
    pool = ThreadPoolExecutor(1)
    try:
        return await asyncio.wrap_future(pool.submit(function, *args, **kwargs))
    finally:
        pool.shutdown(wait=False)
