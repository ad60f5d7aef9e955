"""What the control plane counts, in a registry of its own."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.control_plane.catalogue.pusher import Pusher

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UNKNOWN: Final = "unknown"


class Metrics:
    def __init__(self, pusher: Pusher) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "framegate_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "framegate_http_request_seconds",
            "Time to answer a request",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        revision = Gauge("framegate_catalogue_revision", "The revision that Redis holds", registry=self.registry)
        revision.set_function(lambda: pusher.status().revision)
        failures = Gauge("framegate_catalogue_failures", "Failed pushes in a row", registry=self.registry)
        failures.set_function(lambda: pusher.status().failures)
        epochs = Gauge(
            "framegate_catalogue_epochs", "Times that the database was found to have gone back", registry=self.registry
        )
        epochs.set_function(lambda: pusher.status().epochs)


class MetricsMiddleware:
    """Counts requests by route: never by path, which anybody can make up."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.monotonic()

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observe)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            method = scope["method"] if route != _UNKNOWN else _UNKNOWN
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(time.monotonic() - began)
