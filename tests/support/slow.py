"""A network that takes its time."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_READ_BYTES = 65_536
_CHUNKS = 64


class SlowLink:
    """Passes connections on to a port, and each byte `delay_seconds` late. It ends a connection at once.

    `target` and `delay_seconds` may change at any time.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.target = target
        self._loop = asyncio.new_event_loop()
        self._opened = threading.Event()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def open(self) -> None:
        self._thread.start()
        assert self._opened.wait(10), "the link does not open"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self) -> None:
        connections: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            task.add_done_callback(connections.discard)
            with suppress(asyncio.CancelledError):
                await self._join(reader, writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._opened.set()
        await self._closing.wait()
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)

    async def _join(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        far_writer = None
        try:
            far, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            async with asyncio.TaskGroup() as group:
                for source, target in ((near, far_writer), (far, near_writer)):
                    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS)
                    group.create_task(self._take(source, under_way))
                    group.create_task(self._hand_over(under_way, target))
        except* OSError:
            pass  # one end is gone, and so is the other
        finally:
            for writer in filter(None, (near_writer, far_writer)):
                writer.transport.abort()

    async def _take(self, source: asyncio.StreamReader, under_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        while data := await source.read(_READ_BYTES):
            await under_way.put((self._loop.time() + self.delay_seconds, data))
        raise ConnectionResetError

    async def _hand_over(self, under_way: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - self._loop.time())
            target.write(data)
            await target.drain()


@contextmanager
def slow_link(target: int) -> Iterator[SlowLink]:
    """Run a link in a thread of its own."""
    link = SlowLink(target)
    link.open()
    try:
        yield link
    finally:
        link.close()
