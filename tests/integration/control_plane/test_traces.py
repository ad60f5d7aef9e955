"""A request to the control plane with its statements and its commands, as a collector gets it."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pytest import LogCaptureFixture  # noqa: PT013 - a type

from services.control_plane.settings import Settings
from shared.logs import JsonFormatter
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start
from tests.support.collector import Collector, Received, run_collector
from tests.support.waiting import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-00"


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with run_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield running


@pytest.fixture
async def traced(started: Start, collector: Collector) -> AsyncIterator[Platform]:
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(started(otlp_endpoint=collector.url))
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        yield platform


def below(collector: Collector, root: Received) -> list[Received]:
    """Return all spans of a trace that lead up to a root."""
    parents = {span.span_id: span.parent_id for span in collector.spans}

    def leads_up(span_id: str) -> bool:
        while span_id and span_id != root.span_id:
            span_id = parents.get(span_id, "")
        return bool(span_id)

    return [span for span in collector.spans if span is not root and leads_up(span.span_id)]


async def test_a_request_has_its_statements_and_its_commands(traced: Platform, collector: Collector) -> None:
    api = await traced.publish_api(name="Canary5ecretName")
    headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
    answer = await traced.client.get(f"/publisher/v1/apis/{api['id']}?secret=in-the-query", headers=headers)
    assert answer.status_code in (200, 422)
    await traced.read("/admin/v1/gateways")
    route = "GET /publisher/v1/apis/{api_id}"
    await eventually(lambda: collector.named(route) and collector.named("GET /admin/v1/gateways"), within=10)
    request = collector.named(route)[-1]
    assert (request.trace_id, request.parent_id) == (TRACE, "00f067aa0ba902b7")
    assert request.resource["service.name"] == "framegate-control-plane"
    statements = [span for span in below(collector, request) if "db.statement" in span.attributes]
    assert any("FROM api" in span.attributes["db.statement"] for span in statements)
    commands = below(collector, collector.named("GET /admin/v1/gateways")[-1])
    assert [span for span in commands if span.attributes.get("db.system") == "redis"]
    for unwanted in (b"Canary5ecretName", b"in-the-query", CLIENT_SECRET.encode(), api["id"].encode() + b"'"):
        assert unwanted not in collector.raw


async def test_words_of_errors_stay_here(traced: Platform, collector: Collector) -> None:
    await traced.make_api(name="Twice5ecretName")
    answer = await traced.client.post("/publisher/v1/apis", json={"name": "Twice5ecretName"})
    assert answer.is_client_error
    await eventually(lambda: collector.named("POST /publisher/v1/apis"), within=10)
    assert b"Twice5ecretName" not in collector.raw


async def test_a_line_of_the_log_names_the_trace(
    traced: Platform, collector: Collector, caplog: LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await traced.client.get("/healthz", headers={"traceparent": PARENT})
    lines = [JsonFormatter().format(record) for record in caplog.records if record.getMessage() == "request"]
    assert TRACE in lines[-1]


def test_without_an_endpoint_neither_tracing_nor_an_exporter_is_loaded() -> None:
    """Redis' client loads the SDK's metrics by itself, wherever they are installed."""
    unwanted = {"opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation"}
    code = f"import sys, services.control_plane.app; assert not {unwanted} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_where_none_are_wanted_nothing_is_traced(settings: Settings) -> None:
    assert not settings.traces
