"""A pod, put together: the only place where its objects are built."""

import asyncio
import gc
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from services.data_plane.assertion import AssertionBook
from services.data_plane.authenticate import Authenticator
from services.data_plane.backend_access import AccessBook
from services.data_plane.balance import Balancer
from services.data_plane.catalogue import Catalogue
from services.data_plane.connection import Tracer
from services.data_plane.connector import Connector
from services.data_plane.descriptors import count_connections
from services.data_plane.dpop import ProofChecker, UsedProofs
from services.data_plane.drain import Drain
from services.data_plane.enquiries import Enquiries
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.gateway import Gateway
from services.data_plane.heartbeat import Heartbeat
from services.data_plane.hints import KeyHints
from services.data_plane.introspection import Introspector
from services.data_plane.ledger import Ledger
from services.data_plane.listener import Listener
from services.data_plane.live import follow
from services.data_plane.ops import Collected, serve_ops
from services.data_plane.overload import Overload
from services.data_plane.probe import Prober
from services.data_plane.redis_client import connect, disconnect
from services.data_plane.registry import Registry
from services.data_plane.report import Report, collect
from services.data_plane.revocations import Revocations
from services.data_plane.settings import Settings
from services.data_plane.snapshot import SnapshotFile
from services.data_plane.staleness import Staleness
from services.data_plane.tails import Tails
from services.data_plane.telemetry import Telemetry
from services.data_plane.threads import in_thread
from services.data_plane.throttle.allotment import Throttle
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.scripts import Scripts
from services.data_plane.throttle.slots import SlotBook
from services.data_plane.tickets import TicketBox
from services.data_plane.tls import load_certificate, pass_over_misreports
from services.data_plane.upstream import Dialler
from services.data_plane.usage import UsageBook, UsageSender
from shared.connections import Beat
from shared.definition import ApiDefinition
from shared.logs import take_dropped
from shared.subscription import ApplicationDefinition
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.tracing import Spans

THROTTLE_SECONDS = 0.05
MOST_REFUSED = 100
"""So many refused objects a heartbeat names."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a pod listens. 0 takes a free port; no TLS without a certificate."""

    host: str = "127.0.0.1"
    port: int = 9099
    tls_port: int = 8099
    ops_port: int = 9100

    def describe(self, settings: Settings) -> str:
        secure = f", {self.tls_port} (wss)" if settings.tls_cert else ""
        return f"{self.host}, ports {self.port} (ws){secure}, {self.ops_port} (ops)"


class Pod:
    """A running pod. Make it with `run_pod`."""

    def __init__(self, settings: Settings, name: str) -> None:
        """`name` is the pod's, which several workers share."""
        self.id = uuid.uuid4().hex
        self.name = name
        self.started_at = _wall_clock()
        self.settings = settings
        self.registry, self.telemetry = Registry(_wall_clock), Telemetry()
        self.drain, self.overload = Drain(), Overload(settings.max_handshakes_per_second)
        self.certificate = load_certificate(settings)
        # Following blocks for a second at a time: its replies may take longer than those of a throttle.
        self._follower = connect(settings.redis_url, seconds=5.0)
        self._counter = connect(settings.redis_url, seconds=THROTTLE_SECONDS)
        snapshot = SnapshotFile(settings.snapshot) if settings.snapshot else None
        self.catalogue = Catalogue(self._follower, time.monotonic, _wall_clock, snapshot, settings.environment)
        self.staleness = self._make_staleness()
        self.revocations = Revocations(self._follower, _wall_clock, self.registry)
        self.hints, scripts = KeyHints(self._counter, time.monotonic), Scripts(self._counter, self.telemetry.throttle)
        self.leases = LeaseBook(scripts, self.telemetry.throttle, settings.on_redis_loss)
        self.slots = SlotBook(self.id, scripts, self.telemetry.throttle, settings.on_redis_loss)
        connector, balancer = Connector(settings.addresses), Balancer()
        access = AccessBook(self._unsealing_key)
        self.prober = Prober(lambda: self.catalogue.table, connector, access, balancer, self.telemetry)
        self.introspector = Introspector(settings.addresses, self._unsealing_key, _wall_clock)
        authenticator = self._make_authenticator()
        self.spans, self.tails = self._open_spans(), Tails(self._follower, self.id, _wall_clock)
        self.enquiries = Enquiries(
            self._follower, name, self.catalogue, self.registry, authenticator, self.tails, _wall_clock
        )
        self.ledger, self.usage = self._open_books()
        self.heartbeat = Heartbeat(self._counter, self.id, self._describe, self._note_living)
        proxies = TrustedProxies.parse(settings.trusted_proxies)
        self.gateway = self._make_gateway(authenticator, Dialler(connector, access, balancer), proxies)
        self.listener = Listener(
            self.gateway.handle,
            capacity=count_connections(),
            count_open=self.registry.__len__,
            proxies=proxies if settings.proxy_protocol else None,
            on_refused=lambda cause: self.telemetry.handshakes.refused_connections.labels(cause).inc(),
        )

    def _open_books(self) -> tuple[Ledger, UsageSender]:
        book = UsageBook(_wall_clock, self._find_policy)
        ledger = Ledger(self.telemetry, book)
        usage = UsageSender(
            self._follower, self.name, self.id, self.registry, book, ledger.settle, self.telemetry, _wall_clock
        )
        return ledger, usage

    def _find_policy(self, api: ApiDefinition | None, application: ApplicationDefinition | None) -> str:
        return self.catalogue.table.policy_of(api, application)

    def _open_spans(self) -> "Spans | None":
        if not self.settings.traces:
            return None
        from shared.tracing import Spans  # noqa: PLC0415 - the SDK is large, and most go without

        return Spans("framegate-data-plane", self.settings)

    def _make_tracer(self) -> Tracer | None:
        if self.spans is None:
            return None
        from services.data_plane.tracing import SpanTracer  # noqa: PLC0415 - see above

        return SpanTracer(self.spans.provider, _wall_clock)

    def _unsealing_key(self) -> str | None:
        return self.catalogue.unsealing_key

    def _make_authenticator(self) -> Authenticator:
        used = UsedProofs(
            self._counter,
            self.settings.on_redis_loss,
            on_alone=lambda decision: self.telemetry.proofs_without_redis.labels(decision).inc(),
        )
        proofs = ProofChecker(used, self.settings.gateways)
        return Authenticator(TicketBox(self._counter), proofs, self.hints, self.introspector, self.revocations)

    def _make_staleness(self) -> Staleness:
        limit_seconds, on_stale = self.settings.max_staleness_seconds, self.settings.on_stale
        return Staleness(lambda: self.catalogue.age_seconds, limit_seconds, on_stale)

    def _make_gateway(self, authenticator: Authenticator, dialler: Dialler, proxies: TrustedProxies) -> Gateway:
        return Gateway(
            catalogue=self.catalogue,
            authenticator=authenticator,
            assertions=AssertionBook(self._unsealing_key, _wall_clock),
            throttle=Throttle(self.leases, self.slots),
            dialler=dialler,
            registry=self.registry,
            telemetry=self.telemetry,
            drain=self.drain,
            overload=self.overload,
            staleness=self.staleness,
            usage=self.usage.book,
            tails=self.tails,
            ledger=self.ledger,
            proxies=proxies,
            clock=_wall_clock,
            tracer=self._make_tracer(),
        )

    def _note_living(self, workers: int) -> None:
        self.leases.live_pods = self.slots.live_pods = workers

    def _describe(self, now: float) -> Beat:
        mark = self.catalogue.mark
        return Beat(
            pod=self.name,
            host=socket.gethostname(),
            version=VERSION,
            at=now,
            started_at=self.started_at,
            draining=self.drain.draining,
            revision=mark.revision if mark else None,
            digest=mark.digest if mark else None,
            connections=len(self.registry),
            usage_until=self.usage.sent_until,
            environment=self.settings.environment,
            refused=tuple(
                (kind, id_, reason) for (kind, id_), reason in islice(self.catalogue.refused.items(), MOST_REFUSED)
            ),
        )

    def report(self) -> Report:
        """Return what this pod says of itself."""
        self.ledger.settle()
        catalogue, telemetry = self.catalogue, self.telemetry
        mark = catalogue.mark
        state = telemetry.state
        state.lag.set(self.overload.lag_seconds)
        state.open.set(len(self.registry))
        state.revision.set(mark.revision if mark else 0)
        state.age.set(catalogue.age_seconds or 0)
        state.refused.set(len(catalogue.refused))
        state.ahead.set(catalogue.ahead)
        telemetry.log_dropped.inc(take_dropped())
        if self.spans is not None:
            telemetry.spans_lost.inc(self.spans.take_lost())
        return Report(
            reason=self._reason(),
            revision=mark.revision if mark else None,
            digest=mark.digest if mark else None,
            age_seconds=catalogue.age_seconds,
            apis=sum(len(versions.by_name) for versions in catalogue.table.contexts.values()),
            refused=list(catalogue.refused),
            metrics=collect(telemetry.registry),
        )

    def _reason(self) -> str:
        """Return why this pod is not ready, or nothing."""
        if self.drain.draining:
            return "draining"
        if self.catalogue.mark is None:
            return "no configuration yet"
        return "stale configuration" if self.staleness.refusing else ""

    def reload_certificate(self) -> None:
        if self.certificate is not None:
            self.certificate.reload()

    async def stop(self) -> None:
        """Close every connection in good order, and give back what was leased."""
        await self.drain.run(self.registry, self.settings.drain_seconds)
        await self.usage.end()
        await self.heartbeat.end()
        await self.leases.give_back_all()
        await self.slots.give_back_all()

    async def disconnect(self) -> None:
        self.ledger.settle()  # what was dropped at the end of the drain
        await self.introspector.close()
        await disconnect(self._follower)
        await disconnect(self._counter)
        if self.spans is not None:
            await in_thread(self.spans.close)


@dataclass(frozen=True, slots=True)
class Running:
    """A pod that serves, and the ports that it got."""

    pod: Pod
    port: int
    tls_port: int | None
    ops_port: int


def new_name() -> str:
    """Return a name for a pod, that no other has."""
    return uuid.uuid4().hex


@asynccontextmanager
async def run_pod(settings: Settings, ports: Ports) -> AsyncIterator[Running]:
    """Serve a pod of one process. At the end it drains."""
    async with start_pod(settings, new_name()) as pod:

        async def collect() -> Collected:
            return Collected([pod.report()])

        async with (
            serve_ops(collect, ports.host, ports.ops_port) as ops_port,
            open_ports(pod, ports) as (port, tls_port),
        ):
            yield Running(pod, port, tls_port, ops_port)


@asynccontextmanager
async def start_pod(settings: Settings, name: str) -> AsyncIterator[Pod]:
    """Run a pod that follows the catalogue and accepts nobody yet. Raises `CertificateError`."""
    pod = Pod(settings, name)
    pass_over_misreports(asyncio.get_running_loop())
    try:
        async with _background(pod):
            yield pod
    finally:
        await pod.disconnect()


@asynccontextmanager
async def open_ports(pod: Pod, ports: Ports, *, shared: bool = False) -> AsyncIterator[tuple[int, int | None]]:
    """Accept connections, with `shared` beside other processes; at the end drain. Raises `PortError`."""
    # What is there now is there to stay: the collector need not look at it whenever connections come and go.
    gc.freeze()
    try:
        port = await pod.listener.listen(ports.host, ports.port, shared=shared)
        tls_port = None
        if pod.certificate is not None:
            tls_port = await pod.listener.listen(ports.host, ports.tls_port, pod.certificate, shared=shared)
        yield port, tls_port
    finally:
        await pod.stop()
        await pod.listener.close()


@asynccontextmanager
async def _background(pod: Pod) -> AsyncIterator[None]:
    """Run what a pod does beside its connections. A fault in it ends the pod: it must not limp on unseen."""
    async with asyncio.TaskGroup() as group:
        loops = (
            pod.catalogue.run(),
            pod.catalogue.save(),
            pod.revocations.run(),
            pod.hints.run(),
            pod.registry.run(),
            pod.prober.run(),
            pod.leases.run(),
            pod.leases.sweep(),
            pod.slots.run(),
            pod.slots.renew(),
            pod.heartbeat.run(),
            pod.enquiries.run(),
            pod.usage.run(),
            pod.tails.run(),
            pod.overload.watch(),
            pod.staleness.watch(pod.registry, pod.settings.drain_seconds),
            follow(pod.catalogue, pod.registry, pod.usage.book.note_policy),
            *((_send(pod.spans),) if pod.spans else ()),
        )
        tasks = {group.create_task(coroutine) for coroutine in loops}
        try:
            yield
        finally:
            # redis-py can lose a cancellation that meets a reply: say it until it is heard.
            while tasks:
                for task in tasks:
                    task.cancel()
                _, tasks = await asyncio.wait(tasks, timeout=0.1)


async def _send(spans: "Spans") -> None:
    while True:
        await asyncio.sleep(spans.delay_seconds)
        spans.send()


def _wall_clock() -> float:
    return time.time()  # noqa: TID251 - here is where the clock comes from
