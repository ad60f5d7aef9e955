"""The ops port: health, readiness, metrics, and the configuration that is served, of all workers together."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from services.data_plane.report import Family, Report, merge, render
from services.data_plane.sockets import listen


@dataclass(frozen=True, slots=True)
class Collected:
    """A report of each worker, and the metrics that belong to none of them."""

    reports: Sequence[Report]
    beside: Sequence[Family] = ()


class Ops:
    """What the ops port answers, from what `collect` brings."""

    def __init__(self, collect: Callable[[], Awaitable[Collected]]) -> None:
        self._collect = collect

    def make_app(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self.healthz),
                web.get("/readyz", self.readyz),
                web.get("/config", self.config),
                web.get("/metrics", self.metrics),
            ]
        )
        return app

    async def healthz(self, _: web.Request) -> web.Response:
        """One worker that answers is enough to live."""
        alive = any(report.answers for report in (await self._collect()).reports)
        return web.json_response({"status": "ok" if alive else "no worker answers"}, status=200 if alive else 503)

    async def readyz(self, _: web.Request) -> web.Response:
        reasons = [report.reason for report in (await self._collect()).reports if report.reason]
        if not reasons:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": reasons[0]}, status=503)

    async def config(self, _: web.Request) -> web.Response:
        """Answer what is served for certain: the lowest revision, and a digest only if it is everybody's."""
        reports = (await self._collect()).reports
        behind = min(reports, key=lambda report: report.revision or 0)
        ages = [report.age_seconds for report in reports]
        return web.json_response(
            {
                "revision": behind.revision,
                "digest": behind.digest if len({report.digest for report in reports}) == 1 else None,
                "age_seconds": None if None in ages else max(age for age in ages if age is not None),
                "apis": behind.apis,
                "refused": [
                    {"kind": kind, "id": id_}
                    for kind, id_ in sorted({refused for report in reports for refused in report.refused})
                ],
            }
        )

    async def metrics(self, _: web.Request) -> web.Response:
        collected = await self._collect()
        families = merge([*(report.metrics for report in collected.reports), collected.beside])
        return web.Response(body=render(families), content_type="text/plain")


@asynccontextmanager
async def serve_ops(collect: Callable[[], Awaitable[Collected]], host: str, port: int) -> AsyncIterator[int]:
    """Serve the ops port; yield its number. Raises `PortError`."""
    runner = web.AppRunner(Ops(collect).make_app(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        for opened in listen(host, port):
            await web.SockSite(runner, opened).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
