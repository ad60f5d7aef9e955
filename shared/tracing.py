"""Spans on their way to a collector: nobody waits for it, and what it doesn't take in time is counted.

Import this only where traces are wanted: the SDK is large.
"""

import threading
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Status, get_current_span

from shared.observing import ObservedSettings
from shared.version import VERSION

LAST_SECONDS: Final = 2.0
MOST_CHARACTERS: Final = 100

_BATCH: Final = 512
_TRUSTED: Final = create_key("framegate-trusted")


class Spans:
    """Makes spans and sends them. The standard variables say where to, how many, and under which name."""

    def __init__(self, service: str, settings: ObservedSettings) -> None:
        """`service` is the name where the variables have none."""
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        resource = resource.merge(Resource({SERVICE_VERSION: VERSION}))
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.sampler = OwnJudgement(self.provider.sampler)
        self._queue = BoundedQueue(OTLPSpanExporter(), settings.otel_bsp_max_queue_size)
        self.provider.add_span_processor(self._queue)

    def take_lost(self) -> int:
        """Return how many spans were lost since this was last asked."""
        return self._queue.take_lost()

    def close(self) -> None:
        """Send what waits, as far as the collector takes it in time."""
        ending = threading.Thread(target=self.provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(LAST_SECONDS)


def trust(context: Context) -> Context:
    """Return a context whose parent may say whether a trace is kept."""
    return set_value(_TRUSTED, value=True, context=context)


class OwnJudgement(Sampler):
    """Goes on with anybody's trace, but lets nobody untrusted say whether it is kept: each would fill the collector.

    Neither does their trace id, which a sampler may decide by. A trace begins with a request: what is done for nobody,
    every second, is none.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner
        self._ids = RandomIdGenerator()

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        *more: Any,
        **others: Any,
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        if not parent.is_valid and kind is not SpanKind.SERVER:
            return SamplingResult(Decision.DROP)
        if not parent.is_remote or get_value(_TRUSTED, parent_context):
            return self._inner.should_sample(parent_context, trace_id, name, kind, *more, **others)
        judged = self._inner.should_sample(Context(), self._ids.generate_trace_id(), name, kind, *more, **others)
        return SamplingResult(judged.decision, judged.attributes, parent.trace_state)

    def get_description(self) -> str:
        return self._inner.get_description()


class BoundedQueue(SpanProcessor):
    """The SDK's queue, which would drop what finds no room without a count."""

    def __init__(self, exporter: SpanExporter, most: int) -> None:
        self._exporter = CountingExporter(exporter)
        self._inner: Any = BatchSpanProcessor(  # not all of it has types
            self._exporter, max_queue_size=most, max_export_batch_size=most if most < _BATCH else None
        )
        self._most = most
        self._given = 0
        self._refused = 0
        self._told = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._exporter.taken >= self._most:
            self._refused += 1
            return
        self._given += 1
        self._inner.on_end(make_discreet(span))

    def take_lost(self) -> int:
        lost = self._refused + self._exporter.failed
        taken, self._told = lost - self._told, lost
        return taken

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._inner.force_flush(timeout_millis))


class CountingExporter(SpanExporter):
    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.taken = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def make_discreet(span: ReadableSpan) -> ReadableSpan:
    """Return a span without what may hold a secret: a query, and the words of errors, which may repeat values.

    The span of a pipeline is named after all its commands: a long name is cut.
    """
    attributes = dict(span.attributes or {})
    asked = attributes.pop("url.query", None)
    if asked is None and not span.events and not span.status.description and len(span.name) <= MOST_CHARACTERS:
        return span
    for event in span.events:
        if kind := (event.attributes or {}).get("exception.type"):
            attributes.setdefault("error.type", kind)
    return ReadableSpan(
        name=span.name[:MOST_CHARACTERS],
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
