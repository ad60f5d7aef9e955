"""Figures as they come in: a stream that its session holds, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.control_plane.kit import streaming
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.kit.routing import Room
from services.control_plane.portal import live_router
from services.control_plane.portal.live_room import LiveRoom
from tests.integration.control_plane.platform import Platform, on_sqlite
from tests.integration.control_plane.portal.person import Person
from tests.support.waiting import eventually

pytestmark = on_sqlite


class Watching:
    """A browser that reads a stream while it comes."""

    def __init__(self) -> None:
        self.status = 0
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.leaves = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.ended = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.reads.wait()
        self.status = message.get("status", self.status)
        if text := message.get("body", b"").decode():
            self.told.put_nowait(text)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended.set()


class FullRoom(Room):
    async def __aenter__(self) -> None:
        raise UnavailableError


@asynccontextmanager
async def watch(platform: Platform, person: Person, path: str) -> AsyncIterator[Watching]:
    cookies = "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())
    headers = [(b"cookie", cookies.encode()), (b"host", b"control-plane")]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"step=minute"}
    scope |= {"headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "root_path": ""}
    watching = Watching()
    async with asyncio.TaskGroup() as group:
        group.create_task(platform.app({**scope, "server": ("control-plane", 80)}, watching.receive, watching.send))
        yield watching
        watching.leaves.set()


async def test_a_stream_tells_the_figures_until_the_session_ends(admin: Person, platform: Platform) -> None:
    api = await platform.publish_api()
    room: LiveRoom = platform.app.state.provided[LiveRoom]
    path = f"/publisher/apis/{api['id']}/usage/live"
    async with asyncio.timeout(20), watch(platform, admin, path) as watching:
        event, data = (await watching.told.get()).strip().split("\n")[:2]
        assert (watching.status, event) == (200, "event: figures")
        figures = json.loads(data.removeprefix("data: "))
        assert figures["rows"].count("<tr>") == 60
        assert f"/publisher/apis/{api['id']}/usage?step=minute" in figures["tiles"]
        assert room.taken == 1
        await admin.send("/sign-out")
        assert "event: end" in await watching.told.get()
    assert room.taken == 0


async def test_whoever_leaves_gives_the_place_back(admin: Person, platform: Platform) -> None:
    room: LiveRoom = platform.app.state.provided[LiveRoom]
    async with asyncio.timeout(20):
        for _ in range(5):
            async with watch(platform, admin, "/admin/usage/live") as watching:
                assert "event: figures" in await watching.told.get()
    assert room.taken == 0


async def test_whoever_stops_reading_gives_the_place_back(
    admin: Person, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(live_router, "EVERY_SECONDS", 0.1)
    room: LiveRoom = platform.app.state.provided[LiveRoom]
    async with asyncio.timeout(20), watch(platform, admin, "/admin/usage/live") as watching:
        assert "event: figures" in await watching.told.get()
        watching.reads.clear()
        await eventually(lambda: room.taken == 0)


async def test_what_is_not_there_ends_at_once(admin: Person, platform: Platform) -> None:
    async with asyncio.timeout(20), watch(platform, admin, "/publisher/apis/nothing/usage/live") as watching:
        assert "event: end" in await watching.told.get()


async def test_a_control_plane_that_is_full_has_the_browser_come_again(admin: Person, platform: Platform) -> None:
    async with asyncio.timeout(20), watch(platform, admin, "/admin/usage/live") as watching:
        assert "event: figures" in await watching.told.get()
    platform.app.state.provided[Room] = FullRoom()
    async with asyncio.timeout(20), watch(platform, admin, "/admin/usage/live") as watching:
        await watching.ended.wait()
        assert (watching.status, watching.told.empty()) == (200, True)
