import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.data_plane import ticks
from services.data_plane.ticks import at_lull, lull, tick


class Messages:
    """Something that each turn of the event loop serves, until it is told to stop."""

    def __init__(self) -> None:
        self.turns = 0
        self.flowing = True
        self._serve()

    def _serve(self) -> None:
        ends = time.perf_counter() + 30e-6
        while time.perf_counter() < ends:
            pass
        self.turns += 1
        if self.flowing:
            asyncio.get_running_loop().call_soon(self._serve)


@contextmanager
def messages() -> Iterator[Messages]:
    served = Messages()
    try:
        yield served
    finally:
        served.flowing = False


def stand_still() -> None:
    """Hold the loop up, as work that takes too long does: that is what a tick is to tell."""
    time.sleep(0.2)


async def test_nobody_wakes_before_the_tick() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(20):
        before = loop.time()
        await tick(0.01)
        assert loop.time() // 0.01 > before // 0.01


async def test_all_who_tick_wake_in_one_turn() -> None:
    async def chore(seconds: float) -> int:
        await tick(seconds)
        return served.turns

    with messages() as served:
        turns = await asyncio.gather(chore(0.2), chore(0.2), chore(0.2))
    assert len(set(turns)) == 1


async def test_a_tick_says_how_late_it_is() -> None:
    waiting = asyncio.ensure_future(tick(0.05))
    await asyncio.sleep(0)
    stand_still()
    assert 0.1 < await waiting < 5


async def test_a_stop_in_the_search_for_a_lull_makes_a_tick_late() -> None:
    at_lull(lambda: None)
    waiting = asyncio.ensure_future(tick(0.05))
    for _ in range(2):
        await asyncio.sleep(0)
    stand_still()
    assert 0.1 < await waiting < 5


async def test_chores_wait_until_messages_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "LONGEST_SECONDS", 20.0)
    with messages() as served:
        flowing: list[bool] = []
        at_lull(lambda: flowing.append(served.flowing))
        for _ in range(200):
            await asyncio.sleep(0)
        assert flowing == []
        served.flowing = False
        await lull()
    assert flowing == [False]


async def test_chores_are_done_where_messages_never_pause() -> None:
    with messages() as served:
        async with asyncio.timeout(5):
            await lull()
        assert served.flowing


async def test_who_stops_waiting_takes_no_lull_from_others() -> None:
    impatient, patient = asyncio.ensure_future(tick(0.02)), asyncio.ensure_future(tick(0.02))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait_for(patient, 5)


async def test_a_lull_leaves_ticks_to_come() -> None:
    ticking = asyncio.ensure_future(tick(0.02))
    await asyncio.sleep(0)
    await lull()
    await asyncio.wait_for(ticking, 5)
