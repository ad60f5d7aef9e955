"""A generator is closed when nobody reads it any more, on real sockets."""

import asyncio
import gc
from collections.abc import Generator, Iterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from services.control_plane.kit import streaming
from services.control_plane.kit.streaming import LinesResponse
from tests.support.serving import serve
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def nothing_is_collected() -> Iterator[None]:
    """Keep the collector away: it comes by when it likes."""
    gc.disable()
    yield
    gc.enable()


class App:
    """Answers with lines without an end, and says whether they were closed."""

    def __init__(self, line: str, seconds: float) -> None:
        self.closed = False
        self._line = line
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await LinesResponse(self._lines(), self._seconds)(scope, receive, send)

    def _lines(self) -> Generator[str]:
        try:
            while True:
                yield self._line
        finally:
            self.closed = True


async def test_it_is_closed_when_its_reader_goes() -> None:
    app = App("line\n", 60)
    async with serve(app) as url, httpx.AsyncClient() as client:
        async with client.stream("GET", url) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            await anext(answer.aiter_lines())
            assert not app.closed
        await eventually(lambda: app.closed)


async def test_it_is_closed_when_its_reader_stops_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_GRACE_SECONDS", 0.1)
    app = App("x" * 2**20, 0.5)
    async with serve(app) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: app.closed, within=10)
        writer.close()
