"""A time limit ends what takes too long, and hides nobody else's cancellation."""

import asyncio

import pytest

from services.data_plane.time_limit import TimeLimit


def this_task() -> asyncio.Task[None]:
    task: asyncio.Task[None] | None = asyncio.current_task()
    assert task is not None
    return task


async def test_it_ends_in_time_each_time() -> None:
    for microseconds in range(500, 20_500, 100):  # whatever fraction of a clock's tick that is
        with pytest.raises(TimeoutError), TimeLimit(microseconds / 1_000_000):
            await asyncio.sleep(10)
        assert not this_task().cancelling()


async def test_what_is_in_time_is_left_alone() -> None:
    with TimeLimit(0.01):
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert not this_task().cancelling()


async def test_somebody_else_s_cancellation_goes_on() -> None:
    asyncio.get_running_loop().call_later(0.01, this_task().cancel)
    with pytest.raises(asyncio.CancelledError), TimeLimit(10):
        await asyncio.sleep(10)
    assert this_task().uncancel() == 0


async def test_somebody_else_s_cancellation_goes_on_beside_its_own() -> None:
    asyncio.get_running_loop().call_later(0, this_task().cancel)
    with pytest.raises(asyncio.CancelledError), TimeLimit(0):
        await asyncio.sleep(10)
    assert this_task().uncancel() == 0


async def test_an_error_at_the_end_is_told_and_the_cancellation_undone() -> None:
    async def fail_at_the_end() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), TimeLimit(0):
        await fail_at_the_end()
    assert not this_task().cancelling()
