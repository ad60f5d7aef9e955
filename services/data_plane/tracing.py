"""What traces tell of a connection: a span for its handshake, one for each stage, and one for what came after it."""

import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDictProxy
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from services.data_plane.connection import Attempt, Caller, Headers, Outcome, Request, Stage
from shared.definition import ApiDefinition
from shared.tracing import trust
from shared.version import VERSION

MOST_STATE_CHARACTERS: Final = 512
"""Of a `tracestate`: so many must go on (W3C Trace Context, section 3.3.1.5), and a client need not send more."""

_CALLS_BACKEND: Final = ("dial", "upgrade")
_SERVER_ERRORS: Final = 500
_PROPAGATOR: Final = TraceContextTextMapPropagator()

Attributes = dict[str, AttributeValue]


class SpanTracer:
    """Begins the traces of connections."""

    def __init__(self, provider: TracerProvider, clock: Callable[[], float]) -> None:
        """`clock` is the wall clock in seconds."""
        self._tracer = provider.get_tracer("framegate", VERSION)
        self._clock = clock

    def begin(self, request: Request, *, trusted: bool) -> "SpanTrace":
        """Go on with the client's trace, where it sent a good `traceparent`, or begin one."""
        context = _read_parent(request.headers)
        span = self._tracer.start_span(
            "websocket handshake", trust(context) if trusted else context, kind=SpanKind.SERVER
        )
        return SpanTrace(self._tracer, span, self._clock)


class SpanTrace:
    """The spans of one connection. Where they aren't kept there is only their id, for the backend and the log."""

    __slots__ = ("_clock", "_context", "_handshake", "_stage", "_tracer")

    def __init__(self, tracer: Tracer, handshake: Span, clock: Callable[[], float]) -> None:
        self._tracer = tracer
        self._clock = clock
        self._context = handshake.get_span_context()
        self._handshake: Span | None = handshake
        self._stage: Span | None = None

    @property
    def id(self) -> str:
        return format_trace_id(self._context.trace_id)

    @property
    def headers(self) -> Headers:
        """What the backend is told: the stage that asks it is its parent."""
        context = self._context if self._stage is None else self._stage.get_span_context()
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(NonRecordingSpan(context), Context()))
        return tuple(carrier.items())

    def enter(self, stage: Stage) -> None:
        if self._is_kept:
            self._leave()
            kind = SpanKind.CLIENT if stage in _CALLS_BACKEND else SpanKind.INTERNAL
            self._stage = self._tracer.start_span(stage, self._below, kind=kind)

    def accept(self, attempt: Attempt) -> None:
        self._leave()
        self._end(attempt, "accepted", 101)

    def refuse(self, attempt: Attempt, result: str, status: int | None) -> None:
        if self._stage is not None:
            self._stage.set_status(StatusCode.ERROR)
        self._leave()
        self._end(attempt, result, status)

    def end(self, outcome: Outcome) -> None:
        """Tell of the whole connection, behind its handshake."""
        if not self._is_kept:
            return
        upstream = urlsplit(outcome.upstream_url)
        attributes: Attributes = {
            **_describe(outcome.request_id, outcome.address, outcome.api, outcome.caller),
            "server.address": upstream.hostname or "",
            "framegate.cause": outcome.cause,
            "framegate.close_code.client": outcome.close_code,
            "framegate.close_code.backend": outcome.backend_code,
            "framegate.messages.published": outcome.messages_published,
            "framegate.messages.delivered": outcome.messages_delivered,
            "framegate.bytes.published": outcome.bytes_published,
            "framegate.bytes.delivered": outcome.bytes_delivered,
        }
        if upstream.port is not None:
            attributes["server.port"] = upstream.port
        ended = self._clock() - (time.monotonic() - outcome.ended_at)
        began = ended - outcome.seconds
        span = self._tracer.start_span(
            "websocket connection",
            self._below,
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=round(began * 1e9),
        )
        span.end(round(ended * 1e9))

    @property
    def _is_kept(self) -> bool:
        return bool(self._context.trace_flags.sampled)

    @property
    def _below(self) -> Context:
        return set_span_in_context(NonRecordingSpan(self._context), Context())

    def _leave(self) -> None:
        if self._stage is not None:
            self._stage.end()
            self._stage = None

    def _end(self, attempt: Attempt, result: str, status: int | None) -> None:
        span, self._handshake = self._handshake, None  # an open connection needs it no more
        if span is None or not span.is_recording():
            return
        span.set_attributes(_describe(attempt.request_id, attempt.address, attempt.api, attempt.caller))
        span.set_attribute("framegate.result", result)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
            if status >= _SERVER_ERRORS:
                span.set_status(StatusCode.ERROR)
        span.end()


def _read_parent(headers: CIMultiDictProxy[str]) -> Context:
    parents = headers.getall("traceparent", ())
    if len(parents) != 1:
        return Context()
    carrier = {"traceparent": parents[0]}
    state = ",".join(headers.getall("tracestate", ()))
    if 0 < len(state) <= MOST_STATE_CHARACTERS:
        carrier["tracestate"] = state
    return _PROPAGATOR.extract(carrier, Context())


def _describe(request_id: str, address: str, api: ApiDefinition | None, caller: Caller | None) -> Attributes:
    attributes: Attributes = {"framegate.request_id": request_id, "client.address": address}
    if api is not None:
        attributes |= {"framegate.api": api.context, "framegate.api.version": api.version}
    if caller is not None:
        attributes["framegate.key_type"] = caller.key_type
        if caller.application is not None:
            attributes["framegate.application"] = caller.application.id
    return attributes
