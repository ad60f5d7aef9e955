"""Spans on their way to a collector: nobody waits for it, and what it doesn't take in time is counted.

Import this only where traces are wanted: the SDK is large.
"""

import logging
import threading
from collections import deque
from typing import Any, Final

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, Status, get_current_span

from shared.observing import ObservedSettings
from shared.version import VERSION

log = logging.getLogger(__name__)

LAST_SECONDS: Final = 2.0
MOST_CHARACTERS: Final = 100

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
        self.delay_seconds = settings.otel_bsp_schedule_delay / 1000
        """How often to `send`."""

        self._queue = SpanQueue(
            OTLPSpanExporter(), settings.otel_bsp_max_queue_size, settings.otel_bsp_max_export_batch_size
        )
        self.provider.add_span_processor(self._queue)

    def send(self) -> None:
        """Begin to send what waits."""
        self._queue.send()

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


class SpanQueue(SpanProcessor):
    """Holds spans until a thread sends them, which ends with that: the SDK's stands by, and drops without a count.

    While a process has more than one thread, each of its system calls costs more.
    """

    def __init__(self, exporter: SpanExporter, most: int, batch: int) -> None:
        """So many wait at `most`, and are sent as soon as they make a `batch`."""
        self._exporter = exporter
        self._most = most
        self._batch = batch
        self._waiting: deque[ReadableSpan] = deque()
        self._changing = threading.Lock()
        self._sender: threading.Thread | None = None
        self._lost = 0

    def on_end(self, span: ReadableSpan) -> None:
        with self._changing:
            if len(self._waiting) >= self._most:
                self._lost += 1
            else:
                self._waiting.append(make_discreet(span))
            is_enough = len(self._waiting) >= min(self._batch, self._most)
        if is_enough:
            self.send()

    def send(self) -> threading.Thread | None:
        """Begin to send what waits, unless that is under way; return the thread that does."""
        with self._changing:
            if self._sender is None and self._waiting:
                self._sender = threading.Thread(target=self._send, name="spans", daemon=True)
                self._sender.start()
            return self._sender

    def take_lost(self) -> int:
        """Return how many were lost since this was last asked."""
        with self._changing:
            lost, self._lost = self._lost, 0
        return lost

    def shutdown(self) -> None:
        if sender := self.send():
            sender.join()
        self._exporter.shutdown()

    def _send(self) -> None:
        while batch := self._take():
            result = SpanExportResult.FAILURE
            try:
                result = self._exporter.export(batch)
            except Exception:
                log.exception("spans could not be sent")
            if result is not SpanExportResult.SUCCESS:
                with self._changing:
                    self._lost += len(batch)

    def _take(self) -> list[ReadableSpan]:
        with self._changing:
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            if not batch:
                self._sender = None
            return batch


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
