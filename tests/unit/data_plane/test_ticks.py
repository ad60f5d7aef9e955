import asyncio

import pytest

from services.data_plane.ticks import until_tick


async def test_all_who_tick_wake_at_one_time() -> None:
    loop = asyncio.get_running_loop()
    first = loop.time() + until_tick(0.25)
    for pause in (0.013, 0.029):
        await asyncio.sleep(pause)
        periods = (loop.time() + until_tick(0.25) - first) / 0.25
        assert periods == pytest.approx(round(periods), abs=1e-6)


async def test_nobody_wakes_before_the_tick() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(20):
        before = loop.time()
        await asyncio.sleep(until_tick(0.01))
        assert loop.time() // 0.01 > before // 0.01
