"""What a pod measures. Labels are bounded: they name APIs and causes, never callers."""

import time
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from services.data_plane.connection import Outcome, Stage
from services.data_plane.exponential import Exponential

CONNECTION_SECONDS = (0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
HANDSHAKE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

SIZES = range(4, 25, 2)  # to 16 MiB
ROUND_TRIPS = range(8, 25, 2)  # of microseconds: to 17 s


class ThrottleMetrics:
    """What limits do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter("framegate_throttle_calls", "Questions about limits put to Redis", registry=registry)
        self.without_redis = Counter(
            "framegate_throttle_decisions_without_redis",
            "Decisions about limits without Redis, by what is decided then",
            ["decision"],
            registry=registry,
        )
        self.exceeded = Counter(
            "framegate_quota_exceeded",
            "Times that a limit delayed, dropped or closed",
            ["level", "unit", "action"],
            registry=registry,
        )
        self.near_limits = Counter(
            "framegate_quota_near", "Windows in which 80 % of a limit were spent", ["level", "unit"], registry=registry
        )
        self.shadow_excess = Counter(
            "framegate_quota_shadow_excess",
            "Messages or bytes over a limit that only counts",
            ["level", "unit"],
            registry=registry,
        )


class StateMetrics:
    """How a pod is when it is asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("framegate_connections_open", "Open connections", registry=registry)
        self.lag = Gauge(
            "framegate_event_loop_lag_seconds", "How late a pod does what is due, on average", registry=registry
        )
        self.workers = Gauge("framegate_workers", "Workers that serve", registry=registry)
        self.workers.set(1)
        self.revision = Gauge("framegate_catalogue_revision", "The revision that is served", registry=registry)
        self.age = Gauge(
            "framegate_catalogue_age_seconds", "Since the catalogue was known to be current", registry=registry
        )
        self.ahead = Gauge(
            "framegate_catalogue_ahead", "Whether Redis holds an older catalogue than this pod", registry=registry
        )
        self.refused = Gauge(
            "framegate_catalogue_refused_objects", "Objects that this pod could not take in", registry=registry
        )


class ConnectionMetrics:
    """What connections did that have ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "framegate_connection_seconds", "How long ended connections were open",
            buckets=CONNECTION_SECONDS, registry=registry,
        )  # fmt: skip
        self.closed = Counter("framegate_connections_closed", "Ended connections", ["cause"], registry=registry)
        self.messages = Counter("framegate_messages", "Messages of ended connections", ["direction"], registry=registry)
        self.bytes = Counter(
            "framegate_payload_bytes", "Payload bytes of ended connections", ["direction"], registry=registry
        )
        self.sizes = Exponential(
            "framegate_message_bytes", "Sizes of messages of ended connections", ["direction"],
            exponents=SIZES, registry=registry,
        )  # fmt: skip
        self.round_trips = Exponential(
            "framegate_ping_round_trip_seconds", "Time from a ping to its pong, of ended connections",
            exponents=ROUND_TRIPS, unit=1e-6, registry=registry,
        )  # fmt: skip
        self.dropped = Counter("framegate_messages_dropped", "Messages dropped by a limit", registry=registry)
        self.delayed = Counter("framegate_delayed_seconds", "Time for which limits held messages", registry=registry)
        # Looked up once: a label costs more than what it counts.
        self._closed_by = cache(self.closed.labels)
        self._published, self._delivered = self.messages.labels("publish"), self.messages.labels("subscribe")
        self._bytes_published, self._bytes_delivered = self.bytes.labels("publish"), self.bytes.labels("subscribe")

    def record(self, outcome: Outcome) -> None:
        """Add an ended connection."""
        self._closed_by(outcome.cause).inc()
        self.seconds.observe(outcome.seconds)
        self._published.inc(outcome.messages_published)
        self._delivered.inc(outcome.messages_delivered)
        self._bytes_published.inc(outcome.bytes_published)
        self._bytes_delivered.inc(outcome.bytes_delivered)
        self.sizes.add(("publish",), outcome.published_sizes, outcome.bytes_published)
        self.sizes.add(("subscribe",), outcome.delivered_sizes, outcome.bytes_delivered)
        self.round_trips.add((), outcome.round_trips, outcome.round_trip_seconds)
        if outcome.messages_dropped:
            self.dropped.inc(outcome.messages_dropped)
        if outcome.delayed_seconds:
            self.delayed.inc(outcome.delayed_seconds)


class HandshakeMetrics:
    """What became of handshakes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Counter(
            "framegate_handshakes",
            "Handshakes by result: accepted, or the problem's slug",
            ["result"],
            registry=registry,
        )
        self.refused_connections = Counter(
            "framegate_connections_refused", "Connections without a handshake, by cause", ["cause"], registry=registry
        )
        self.seconds = Histogram(
            "framegate_handshake_seconds", "Time to accept a handshake, the backend's included",
            buckets=HANDSHAKE_SECONDS, registry=registry,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "framegate_handshake_stage_seconds", "Time that a stage of an accepted handshake took", ["stage"],
            buckets=HANDSHAKE_SECONDS, registry=registry,
        )  # fmt: skip
        self.ended_with, self._stage = cache(self.results.labels), cache(self.stage_seconds.labels)

    def accept(self, stages: Sequence[tuple[Stage, float]]) -> None:
        """Add a handshake that ends well now, by when its stages began."""
        now = time.perf_counter()
        self.ended_with("accepted").inc()
        self.seconds.observe(now - stages[0][1])
        for (stage, began), (_, ended) in pairwise((*stages, ("", now))):
            self._stage(stage).observe(ended - began)


class Telemetry:
    """The metrics of one pod, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.handshakes = HandshakeMetrics(registry)
        self.connections = ConnectionMetrics(registry)
        self.probes = Counter("framegate_backend_probes", "Health checks of backends", ["result"], registry=registry)
        self.proofs_without_redis = Counter(
            "framegate_proofs_without_redis", "Proofs that could not be looked up", ["decision"], registry=registry
        )
        self.checked = Counter(
            "framegate_messages_checked",
            "Messages held against their API's schemas",
            ["api", "direction", "result"],
            registry=registry,
        )
        self.checked_with = cache(self.checked.labels)
        self.usage_lost = Counter("framegate_usage_lost", "Counts of usage that found no room", registry=registry)
        self.log_dropped = Counter(
            "framegate_log_lines_dropped", "Lines of the log that nobody took in time", registry=registry
        )
        self.spans_lost = Counter("framegate_trace_spans_lost", "Spans that nobody took in time", registry=registry)
        self.state = StateMetrics(registry)
        self.throttle = ThrottleMetrics(registry)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
