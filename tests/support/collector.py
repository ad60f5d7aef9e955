"""A collector of OpenTelemetry: it takes spans by OTLP over HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Received:
    """A span that came, with the attributes of it and of its resource."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    seconds: float
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    failed: bool
    state: str


@dataclass
class Collector:
    url: str = ""
    spans: list[Received] = field(default_factory=list)
    raw: bytes = b""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for part in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(part.resource.attributes)
            self.spans += [_read(span, resource) for scope in part.scope_spans for span in scope.spans]
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]

    async def one(self, name: str) -> Received:
        """Wait for a span of this name: there must be one."""
        await eventually(lambda: self.named(name), within=10)
        (span,) = self.named(name)
        return span


@asynccontextmanager
async def run_collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application(client_max_size=2**24)
    app.add_routes([web.post("/v1/traces", collector.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()


def _read(span: Any, resource: Mapping[str, Any]) -> Received:
    return Received(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        attributes=_values(span.attributes),
        resource=resource,
        failed=span.status.code == 2,
        state=span.trace_state,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
