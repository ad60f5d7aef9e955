"""The parent of several workers: it keeps as many as were asked for, and speaks for all of them on the ops port."""

import asyncio
import logging
import random
import signal
import socket
import time
from functools import partial
from typing import Final, Self

import uvloop
from prometheus_client import CollectorRegistry, Counter

from services.data_plane.app import Ports, new_name
from services.data_plane.drain import LAST_SECONDS
from services.data_plane.nursery import Nursery
from services.data_plane.ops import Collected, serve_ops
from services.data_plane.report import Family, Report, collect, growing, merge
from services.data_plane.settings import Settings
from services.data_plane.worker import RELOAD, REPORT, STOP, work

log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 1.0
STEADY_SECONDS: Final = 10.0
LONGEST_BACKOFF_SECONDS: Final = 10.0
MOST_DOUBLINGS: Final = 10
MARGIN_SECONDS: Final = 3.0
REPORT_BYTES: Final = 2**26


def run_workers(settings: Settings, ports: Ports, count: int) -> bool:
    """Serve with so many workers until SIGTERM or SIGINT, then drain. Return whether all ended in time."""
    patience_seconds = settings.drain_seconds + LAST_SECONDS + MARGIN_SECONDS
    nursery = Nursery(partial(work, settings, ports, new_name()), patience_seconds)
    log.info("serving with %d workers on %s", count, ports.describe(settings))
    try:
        return uvloop.run(_lead(Crew(nursery, count), nursery, ports, patience_seconds))
    finally:
        nursery.close()


async def _lead(crew: "Crew", nursery: Nursery, ports: Ports, patience_seconds: float) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, crew.tell, RELOAD)
    async with serve_ops(crew.collect, ports.host, ports.ops_port), asyncio.TaskGroup() as group:
        keeping = group.create_task(crew.run())
        await stop.wait()
        crew.stop()
        done, _ = await asyncio.wait({keeping}, timeout=patience_seconds)
        if not done:
            nursery.kill()
    return bool(done)


class Crew:
    """The workers of a pod."""

    def __init__(self, nursery: Nursery, count: int) -> None:
        self.count = count
        self._nursery = nursery
        self._workers: dict[int, Worker] = {}
        self._stopping = False
        self._wake = asyncio.Event()
        self._registry = CollectorRegistry()
        self._restarts = Counter(
            "framegate_worker_restarts", "Workers that ended and were replaced", registry=self._registry
        )
        self._past: list[Family] = []

    async def run(self) -> None:
        """Keep every place taken until `stop`, and then until the last worker is gone."""
        async with asyncio.TaskGroup() as group:
            for place in range(self.count):
                group.create_task(self._keep(place))

    def stop(self) -> None:
        """Have all workers drain and end."""
        self._stopping = True
        self._wake.set()
        self.tell(STOP)

    def tell(self, command: bytes) -> None:
        for worker in self._workers.values():
            worker.tell(command)

    async def collect(self) -> Collected:
        """Ask all workers at once. For one that doesn't answer stands what it counted until it last did."""
        reports = await asyncio.gather(*(self._ask(place) for place in range(self.count)))
        return Collected(reports, merge([self._past, collect(self._registry)]))

    async def _ask(self, place: int) -> Report:
        worker = self._workers.get(place)
        if worker is None:
            return Report(answers=False, reason="a worker is missing")
        return await worker.ask() or Report(
            answers=False, reason="a worker does not answer", metrics=growing(worker.last.metrics)
        )

    async def _keep(self, place: int) -> None:
        failures, again = 0, False
        while not self._stopping:
            began = time.monotonic()
            await self._live(place, again=again)
            if self._stopping:
                return
            again = True
            self._restarts.inc()
            failures = failures + 1 if time.monotonic() - began < STEADY_SECONDS else 0
            await self._back_off(place, failures)

    async def _live(self, place: int, *, again: bool) -> None:
        """Start a worker, and return when it is gone."""
        worker = await Worker.open(self._nursery.fork(again=again))
        self._workers[place] = worker
        if self._stopping:
            worker.tell(STOP)
        try:
            await worker.listen()
        finally:
            del self._workers[place]
            self._past = merge([self._past, growing(worker.last.metrics)])

    async def _back_off(self, place: int, failures: int) -> None:
        """Replace the first one at once, and those that end young ever more slowly."""
        longest = min(LONGEST_BACKOFF_SECONDS, 0.1 * 2 ** min(failures, MOST_DOUBLINGS)) if failures > 1 else 0.0
        seconds = longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        log.error("worker %d ended; another takes its place in %.1f s", place, seconds)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return


class Worker:
    """A worker, as its parent sees it: a channel that ends when it does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answer: asyncio.Future[Report] | None = None
        self.last = Report()

    @classmethod
    async def open(cls, channel: socket.socket) -> Self:
        return cls(*await asyncio.open_unix_connection(sock=channel, limit=REPORT_BYTES))

    def tell(self, command: bytes) -> None:
        self._writer.write(command + b"\n")

    async def ask(self) -> Report | None:
        """Return what it says of itself, or None if it doesn't in time. Who asks meanwhile gets the same answer."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            self.tell(REPORT)
        answer = self._answer
        await asyncio.wait({answer}, timeout=ANSWER_SECONDS)
        return answer.result() if answer.done() and not answer.cancelled() else None

    async def listen(self) -> None:
        """Take its answers until it is gone."""
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                self.last = Report.model_validate_json(line)
                if self._answer is not None:
                    self._answer.set_result(self.last)
                    self._answer = None
        except ConnectionError:
            pass  # it was killed
        finally:
            if self._answer is not None:
                self._answer.cancel()
            self._writer.close()
