"""A catalogue that is large is loaded and saved beside the connections, not in their way."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from itertools import pairwise
from pathlib import Path

import pytest

from services.data_plane import catalogue as following
from services.data_plane.catalogue import Catalogue
from services.data_plane.redis_client import connect, disconnect
from services.data_plane.snapshot import Snapshot, SnapshotFile
from shared.definition import ApiId
from tests.integration.data_plane.test_catalogue import republish
from tests.support.waiting import eventually
from tests.support.world import World

APIS, SUBSCRIPTIONS = 5_000, 45_000
HELD_SECONDS = 0.15
"""At this size reading all objects at once took the loop's thread 0.5 s and more."""

SAVE_SECONDS = 0.3


class Recorded(SnapshotFile):
    """A snapshot that remembers when all of it was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written_at: list[float] = []

    def save(self, snapshot: Snapshot) -> None:
        self.written_at.append(time.monotonic())
        super().save(snapshot)


@pytest.fixture
def file(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path / "snapshot")


@pytest.fixture
async def catalogue(redis_url: str, file: Recorded) -> AsyncIterator[Catalogue]:
    redis = connect(redis_url, seconds=5.0)
    yield Catalogue(redis, time.monotonic, time.monotonic, file)
    await disconnect(redis)


def fill(world: World) -> None:
    """Publish many objects, each like the first one of its kind."""
    world.put_tutorial("ws://backend.test")
    for kind, id_, count in (("api", "api", APIS), ("subscription", "app-api", SUBSCRIPTIONS)):
        first = world.bodies[kind][id_]
        for number in range(count):
            text = first.replace(f'"id":"{id_}"', f'"id":"{number}"').replace('"/echo"', f'"/echo/{number}"')
            world.bodies[kind][str(number)] = text.replace('"application_id":"app"', f'"application_id":"{number}"')
    republish(world, epoch="large")


async def longest_hold(doing: Awaitable[None]) -> float:
    """Return for how long the loop was held at most, in seconds of its thread: a machine that is busy doesn't count."""
    longest, last = 0.0, time.thread_time()

    async def look() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    looking = asyncio.ensure_future(look())
    await doing
    await asyncio.sleep(0)
    looking.cancel()
    return longest


async def test_neither_a_load_nor_a_save_holds_the_loop(world: World, catalogue: Catalogue, file: Recorded) -> None:
    fill(world)
    await catalogue._load()
    unchanged = catalogue.table.subscriptions
    world.bodies["api"]["7"] = world.bodies["api"]["7"].replace('"name":"Echo"', '"name":"Other"')
    republish(world, epoch="later")
    assert await longest_hold(catalogue._load()) < HELD_SECONDS
    assert catalogue.mark == world.mark
    assert catalogue.table.apis[ApiId("7")].name == "Other"
    assert catalogue.table.subscriptions is unchanged
    assert await longest_hold(catalogue._save(file)) < HELD_SECONDS
    found = file.load()
    assert found is not None
    assert (found.mark, found.bodies["api"]) == (world.mark, world.bodies["api"])


async def test_all_of_it_is_written_only_so_often(
    world: World, catalogue: Catalogue, file: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "SAVE_SECONDS", SAVE_SECONDS)
    world.put_tutorial("ws://backend.test")
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(catalogue.run()), group.create_task(catalogue.save())]
        while len(file.written_at) < 4:
            world.put_api("ws://backend.test", id="another", version="2.0", description=str(world.revision))
            await asyncio.sleep(0.01)
        await eventually(lambda: catalogue._saved == world.mark)
        for loop in loops:
            loop.cancel()
    assert all(later - earlier >= SAVE_SECONDS for earlier, later in pairwise(file.written_at))
    found = file.load()
    assert found is not None
    assert found.mark == world.mark
