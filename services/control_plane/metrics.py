"""What the control plane counts, in a registry of its own, and the line of the log that each request is."""

import logging
import time
from collections.abc import Callable
from typing import Final, TypedDict

from opentelemetry.trace import format_trace_id, get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.control_plane.catalogue.pusher import Pusher
from shared.logs import take_dropped, write_line

log = logging.getLogger(__name__)

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""Of others there are as many as somebody likes to make up."""

_UNKNOWN: Final = "unknown"


class Metrics:
    def __init__(self, pusher: Pusher, take_lost_spans: Callable[[], int] = lambda: 0) -> None:
        self._take_lost_spans = take_lost_spans
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
        self.log_dropped = Counter(
            "framegate_log_lines_dropped", "Lines of the log that nobody took in time", registry=self.registry
        )
        self.spans_lost = Counter(
            "framegate_trace_spans_lost", "Spans that nobody took in time", registry=self.registry
        )

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        self.log_dropped.inc(take_dropped())
        self.spans_lost.inc(self._take_lost_spans())
        return generate_latest(self.registry)


class RequestLine(TypedDict):
    """What a line says of a request. Its path, its query and its headers are not among it."""

    method: str
    route: str
    status: int
    seconds: float
    client: str | None
    trace_id: str | None


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
            method = scope["method"] if route != _UNKNOWN and scope["method"] in _METHODS else _UNKNOWN
            self._metrics.requests.labels(method, route, str(status)).inc()
            seconds = time.monotonic() - began
            self._metrics.seconds.labels(method, route).observe(seconds)
            line: RequestLine = {
                "method": method,
                "route": route,
                "status": status,
                "seconds": round(seconds, 4),
                "client": scope["client"][0] if scope.get("client") else None,
                "trace_id": _trace_id(),
            }
            write_line(log, "request", line)


def _trace_id() -> str | None:
    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None
