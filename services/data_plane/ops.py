"""The ops port: health, readiness, metrics, and the configuration that is served."""

from aiohttp import web

from services.data_plane.catalogue import Catalogue
from services.data_plane.drain import Drain
from services.data_plane.registry import Registry
from services.data_plane.telemetry import Telemetry
from services.data_plane.throttle.leases import LeaseBook


def make_ops(
    catalogue: Catalogue, registry: Registry, telemetry: Telemetry, book: LeaseBook, drain: Drain
) -> web.Application:
    """Return the application of the ops port."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        reason = "draining" if drain.draining else "" if catalogue.mark else "no configuration yet"
        status = {"status": "not ready", "reason": reason} if reason else {"status": "ready"}
        return web.json_response(status, status=503 if reason else 200)

    async def config(_: web.Request) -> web.Response:
        mark = catalogue.mark
        return web.json_response(
            {
                "revision": mark.revision if mark else None,
                "digest": mark.digest if mark else None,
                "age_seconds": catalogue.age_seconds,
                "apis": sum(len(versions.by_name) for versions in catalogue.table.contexts.values()),
                "refused": [{"kind": kind, "id": id_} for kind, id_ in catalogue.refused],
            }
        )

    async def metrics(_: web.Request) -> web.Response:
        telemetry.open.set(len(registry))
        telemetry.revision.set(catalogue.mark.revision if catalogue.mark else 0)
        telemetry.age.set(catalogue.age_seconds or 0)
        telemetry.refused.set(len(catalogue.refused))
        telemetry.without_redis.set(book.decisions_without_redis)
        return web.Response(body=telemetry.render(), content_type="text/plain")

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/config", config),
            web.get("/metrics", metrics),
        ]
    )
    return app
