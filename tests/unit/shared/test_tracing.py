from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from shared.tracing import OwnJudgement, SpanQueue, make_discreet, trust

ON, OFF = ParentBased(ALWAYS_ON), ParentBased(ALWAYS_OFF)
RATIO = ParentBased(TraceIdRatioBased(0))


@pytest.mark.parametrize(
    ("sampler", "flag", "trusted", "kept"),
    [
        (ON, 0, False, True),
        (ON, 0, True, False),
        (ON, 1, False, True),
        (OFF, 1, False, False),
        (OFF, 1, True, True),
        (RATIO, 1, False, False),
    ],
)
def test_only_a_trusted_parent_says_whether_a_trace_is_kept(
    sampler: Sampler, flag: int, trusted: bool, kept: bool
) -> None:
    parent = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(flag), trace_state=TraceState([("a", "b")]))
    context = set_span_in_context(NonRecordingSpan(parent))
    provider = TracerProvider(sampler=OwnJudgement(sampler), shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    span = tracer.start_span("x", trust(context) if trusted else context)
    found = span.get_span_context()
    assert (found.trace_id, found.trace_state.get("a")) == (1, "b")
    assert span.is_recording() is kept
    below = tracer.start_span("y", set_span_in_context(span))
    assert below.is_recording() is kept


def test_a_trace_begins_with_a_request() -> None:
    provider = TracerProvider(sampler=OwnJudgement(ON), shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    assert not tracer.start_span("SELECT", kind=SpanKind.CLIENT).is_recording()
    request = tracer.start_span("GET /", kind=SpanKind.SERVER)
    assert request.is_recording()
    assert tracer.start_span("SELECT", set_span_in_context(request), kind=SpanKind.CLIENT).is_recording()


def test_a_span_loses_what_may_hold_a_secret() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    span = tracer.start_span("DEL " * 500, attributes={"url.query": "token=5ecret", "db.statement": "SELECT ?"})
    span.record_exception(ValueError("5ecret"))
    span.set_status(Status(StatusCode.ERROR, "5ecret"))
    span.end()
    assert isinstance(span, ReadableSpan)
    discreet = make_discreet(span)
    assert "5ecret" not in discreet.to_json()
    assert discreet.attributes == {"db.statement": "SELECT ?", "error.type": "ValueError"}
    assert discreet.status.status_code is StatusCode.ERROR
    assert discreet.context == span.context
    assert len(discreet.name) == 100


class Failing(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        pass


def test_each_span_is_sent_or_counted() -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    queue = SpanQueue(Failing(), most=10, batch=5)
    provider.add_span_processor(queue)
    tracer = provider.get_tracer("test")
    for _ in range(500):
        tracer.start_span("x").end()
    provider.shutdown()
    assert queue.take_lost() == 500
    assert queue.take_lost() == 0
