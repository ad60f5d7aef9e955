"""What a pod measures. Labels are bounded: they name APIs and causes, never callers."""

from collections import Counter as CounterOf
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from services.data_plane.connection import Outcome, Stage
from services.data_plane.exponential import Exponential

SIZES = range(4, 25, 2)  # to 16 MiB
ROUND_TRIPS = range(8, 25, 2)  # of microseconds: to 17 s
HANDSHAKES = range(10, 25)  # of microseconds: from 1 ms to 17 s
STAGES = range(6, 25, 2)  # of microseconds: from 64 us to 17 s
CONNECTIONS = range(7, 28, 2)  # of milliseconds: from 0.1 s to 37 h


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
        self.seconds = Exponential(
            "framegate_connection_seconds", "How long ended connections were open",
            exponents=CONNECTIONS, unit=1e-3, registry=registry,
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

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Add ended connections: what they come to together is added once."""
        for cause, count in CounterOf(outcome.cause for outcome in outcomes).items():
            self._closed_by(cause).inc(count)
        self._published.inc(sum(outcome.messages_published for outcome in outcomes))
        self._delivered.inc(sum(outcome.messages_delivered for outcome in outcomes))
        self._bytes_published.inc(sum(outcome.bytes_published for outcome in outcomes))
        self._bytes_delivered.inc(sum(outcome.bytes_delivered for outcome in outcomes))
        self.dropped.inc(sum(outcome.messages_dropped for outcome in outcomes))
        self.delayed.inc(sum(outcome.delayed_seconds for outcome in outcomes))
        self.seconds.observe([outcome.seconds for outcome in outcomes])
        for outcome in outcomes:
            self.sizes.add(("publish",), outcome.published_sizes, outcome.bytes_published)
            self.sizes.add(("subscribe",), outcome.delivered_sizes, outcome.bytes_delivered)
            if outcome.round_trips:
                self.round_trips.add((), outcome.round_trips, outcome.round_trip_seconds)


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
        self.seconds = Exponential(
            "framegate_handshake_seconds", "Time to accept a handshake, the backend's included",
            exponents=HANDSHAKES, unit=1e-6, registry=registry,
        )  # fmt: skip
        self.stage_seconds = Exponential(
            "framegate_handshake_stage_seconds", "Time that a stage of an accepted handshake took", ["stage"],
            exponents=STAGES, unit=1e-6, registry=registry,
        )  # fmt: skip
        self.ended_with = cache(self.results.labels)

    def accept(self, handshakes: Sequence[Sequence[tuple[Stage | Literal[""], float]]]) -> None:
        """Add handshakes that ended well, by when their stages began; the last one is their end."""
        self.ended_with("accepted").inc(len(handshakes))
        self.seconds.observe([stages[-1][1] - stages[0][1] for stages in handshakes])
        by_stage: defaultdict[Stage | Literal[""], list[float]] = defaultdict(list)
        for stages in handshakes:
            for (stage, began), (_, ended) in pairwise(stages):
                by_stage[stage].append(ended - began)
        for stage, seconds in by_stage.items():
            self.stage_seconds.observe(seconds, stage)


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
