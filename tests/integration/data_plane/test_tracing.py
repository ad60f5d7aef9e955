"""One trace from the client through the gateway to the backend."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from services.data_plane.settings import Settings
from tests.integration.data_plane.conftest import Backend, Gate, run_gate
from tests.integration.data_plane.test_attacks_on_secrets import carriers, hear, targets
from tests.support.collector import Collector, run_collector
from tests.support.waiting import eventually, free_port
from tests.support.wire import request
from tests.support.world import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
UNWANTED = f"00-{TRACE}-00f067aa0ba902b7-00"
STAGES = ["read", "route", "authenticate", "admit", "dial", "upgrade"]


@pytest.fixture(autouse=True)
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    async with run_collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield running


async def visit(gate: Gate, **headers: str) -> None:
    async with gate.connect(headers=headers) as client:
        await client.send("hello")
        await client.recv()


async def test_a_trace_goes_from_the_client_to_the_backend(gate: Gate, backend: Backend, collector: Collector) -> None:
    await visit(gate, traceparent=PARENT, tracestate="vendor=1")
    ended, handshake = await collector.one("websocket connection"), await collector.one("websocket handshake")
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert handshake.parent_id == "00f067aa0ba902b7"
    assert [span.name for span in collector.spans if span.parent_id == handshake.span_id] == [
        *STAGES,
        "websocket connection",
    ]
    upgrade = await collector.one("upgrade")
    assert backend.request.headers.get_all("traceparent") == [f"00-{TRACE}-{upgrade.span_id}-01"]
    assert backend.request.headers.get_all("tracestate") == ["vendor=1"]
    assert handshake.state == "vendor=1"
    assert handshake.resource["service.name"] == "framegate-data-plane"
    expected = {
        "framegate.result": "accepted",
        "http.response.status_code": 101,
        "framegate.api": "/echo",
        "framegate.api.version": "1.0",
        "framegate.application": "app",
        "framegate.key_type": "PRODUCTION",
        "client.address": "127.0.0.1",
    }
    assert {name: handshake.attributes[name] for name in expected} == expected
    assert ended.attributes["framegate.request_id"] == handshake.attributes["framegate.request_id"]
    assert ended.attributes["framegate.cause"] == "client_closed"
    assert ended.attributes["framegate.close_code.client"] == ended.attributes["framegate.close_code.backend"] == 1000
    assert ended.attributes["framegate.messages.published"] == 1
    assert 0 < ended.seconds < 60
    assert sum(span.seconds for span in collector.spans if span.name in STAGES) <= handshake.seconds


async def test_without_a_parent_a_trace_begins_here(gate: Gate, backend: Backend, collector: Collector) -> None:
    await visit(gate)
    handshake = await collector.one("websocket handshake")
    assert handshake.parent_id == ""
    assert backend.request.headers["traceparent"].split("-")[1] == handshake.trace_id
    assert "tracestate" not in backend.request.headers


@pytest.mark.parametrize(
    "parent", ["", "rubbish", PARENT.upper(), f"00-{'0' * 32}-00f067aa0ba902b7-01", f"ff{PARENT[2:]}", f"{PARENT}-x"]
)
async def test_a_parent_that_is_no_good_is_no_parent(
    gate: Gate, backend: Backend, collector: Collector, parent: str
) -> None:
    await visit(gate, traceparent=parent, tracestate="vendor=1")
    handshake = await collector.one("websocket handshake")
    assert handshake.parent_id == ""
    assert handshake.trace_id != TRACE
    upgrade = await collector.one("upgrade")
    (told,) = backend.request.headers.get_all("traceparent")
    assert told.startswith(f"00-{handshake.trace_id}-{upgrade.span_id}-")
    assert int(told[-2:], 16) & 1
    assert "tracestate" not in backend.request.headers


async def test_more_than_one_parent_is_none_and_a_long_state_does_not_go_on(
    gate: Gate, backend: Backend, collector: Collector
) -> None:
    bearer = ("Authorization", f"Bearer {gate.world.issuer.token()}")
    await hear(gate, request("/echo/1.0", bearer, ("traceparent", PARENT), ("Traceparent", PARENT)))
    assert (await collector.one("websocket handshake")).trace_id != TRACE
    collector.spans.clear()
    await visit(gate, traceparent=PARENT, tracestate="vendor=" + "x" * 600)
    assert (await collector.one("websocket handshake")).trace_id == TRACE
    assert "tracestate" not in (backend.handshakes[-1].request or backend.request).headers


async def test_an_untrusted_client_does_not_say_whether_its_trace_is_kept(
    gate: Gate, backend: Backend, collector: Collector
) -> None:
    await visit(gate, traceparent=UNWANTED)
    assert (await collector.one("websocket handshake")).trace_id == TRACE
    assert backend.request.headers["traceparent"].endswith("-01")


@pytest.mark.parametrize(("parent", "kept"), [(PARENT, True), (UNWANTED, False)])
async def test_a_trusted_proxy_does(
    world: World, backend: Backend, pod_settings: Settings, collector: Collector, parent: str, kept: bool
) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, pod_settings.model_copy(update={"trusted_proxies": "127.0.0.0/8"})) as gate:
        await visit(gate, traceparent=parent)
        await eventually(lambda: not len(gate.pod.registry))
    assert bool(collector.named("websocket connection")) is kept
    assert bool(collector.spans) is kept
    assert backend.request.headers["traceparent"].endswith("-01" if kept else "-00")


@pytest.mark.parametrize("flag", ["00", "01"])
async def test_with_a_sampler_that_keeps_none_nobody_can_ask_for_one(
    world: World,
    backend: Backend,
    pod_settings: Settings,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    world.put_tutorial(backend.url)
    low = f"00-{'0' * 31}1-00f067aa0ba902b7-{flag}"
    async with run_gate(world, pod_settings) as gate:
        await visit(gate, traceparent=low)
        await eventually(lambda: not len(gate.pod.registry))
    assert collector.spans == []
    assert backend.request.headers["traceparent"].startswith(f"00-{'0' * 31}1-")
    assert backend.request.headers["traceparent"].endswith("-00")


async def test_a_refused_handshake_says_why_and_at_which_stage(gate: Gate, collector: Collector) -> None:
    with pytest.raises(InvalidStatus):
        async with gate.connect(token="no-good"):
            pass
    handshake = await collector.one("websocket handshake")
    assert handshake.attributes["framegate.result"] == "token_invalid"
    assert handshake.attributes["http.response.status_code"] == 401
    assert not handshake.failed, "it is the client's fault"
    assert [(span.name, span.failed) for span in collector.spans[:-1]] == [
        ("read", False),
        ("route", False),
        ("authenticate", True),
    ]


async def test_each_url_that_is_tried_has_its_stages(gate: Gate, backend: Backend, collector: Collector) -> None:
    lost = f"ws://127.0.0.1:{free_port()}"
    api = gate.world.put_api(lost)
    production = api.endpoints.production
    assert production is not None
    both = production.model_copy(update={"urls": (lost, backend.url)})
    changed = api.model_copy(update={"endpoints": api.endpoints.model_copy(update={"production": both})})
    gate.world.put("api", api.id, changed)
    await gate.caught_up()
    for _ in range(2):  # either may be the first
        await visit(gate)
    await eventually(lambda: len(collector.named("websocket connection")) == 2, within=10)
    assert len(collector.named("dial")) == 3
    assert len(collector.named("upgrade")) == 2


async def test_no_credential_is_in_a_trace(gate: Gate, collector: Collector) -> None:
    issue = gate.world.issuer.token
    tokens = ("5ecret" * 6, issue(), issue(seconds=-10))
    for token in tokens:
        for target in targets(token):
            for headers in carriers(token):
                await hear(gate, request(target, *headers))
    await eventually(lambda: not len(gate.pod.registry))
    await gate.pod.disconnect()
    assert len(collector.named("websocket handshake")) == 81
    for token in tokens:
        assert token[-40:].encode() not in collector.raw


async def test_a_collector_that_is_away_costs_nothing_but_a_count(
    world: World, backend: Backend, pod_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    world.put_tutorial(backend.url)
    settings = pod_settings.model_copy(update={"otel_bsp_max_queue_size": 10, "otlp_endpoint": "http://away"})
    async with run_gate(world, settings) as gate:
        for _ in range(5):
            await visit(gate)
        await eventually(lambda: not len(gate.pod.registry))

        def lost() -> float:
            gate.pod.report()
            return float(gate.pod.telemetry.registry.get_sample_value("framegate_trace_spans_lost_total") or 0)

        await eventually(lambda: lost() >= 20, within=20)


async def test_where_none_are_wanted_there_is_no_tracer(
    world: World, backend: Backend, pod_settings: Settings, collector: Collector
) -> None:
    world.put_tutorial(backend.url)
    async with run_gate(world, pod_settings.model_copy(update={"otlp_endpoint": ""})) as gate:
        assert gate.pod.spans is None
        assert gate.pod.gateway.tracer is None
        await visit(gate, traceparent=PARENT)
    assert "traceparent" not in backend.request.headers
    assert collector.spans == []


def test_without_an_endpoint_neither_tracing_nor_an_exporter_is_loaded() -> None:
    """Redis' client loads the SDK's metrics by itself, wherever they are installed."""
    unwanted = {"opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.instrumentation"}
    code = f"import sys, services.data_plane.app; assert not {unwanted} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
