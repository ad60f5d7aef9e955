"""A pod, put together: the only place where its objects are built."""

import asyncio
import gc
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from redis.exceptions import RedisError

from services.data_plane.assertion import AssertionBook
from services.data_plane.authenticate import Authenticator
from services.data_plane.backend_access import AccessBook
from services.data_plane.balance import Balancer
from services.data_plane.catalogue import Catalogue
from services.data_plane.connector import Connector
from services.data_plane.descriptors import count_connections
from services.data_plane.dpop import ProofChecker, UsedProofs
from services.data_plane.drain import Drain
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.gateway import Gateway
from services.data_plane.hints import KeyHints
from services.data_plane.introspection import Introspector
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
from services.data_plane.telemetry import Telemetry
from services.data_plane.throttle.allotment import Throttle
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.scripts import Scripts
from services.data_plane.throttle.slots import SlotBook
from services.data_plane.tickets import TicketBox
from services.data_plane.tls import load_certificate, pass_over_misreports
from services.data_plane.upstream import Dialler
from shared import keys

log = logging.getLogger(__name__)

THROTTLE_SECONDS = 0.05
HEARTBEAT_SECONDS = 5.0
BEAT_SECONDS = 1.0


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

    def __init__(self, settings: Settings) -> None:
        self.id = uuid.uuid4().hex
        self.settings = settings
        self.registry, self.telemetry = Registry(), Telemetry()
        self.drain, self.overload = Drain(), Overload(settings.max_handshakes_per_second)
        self.certificate = load_certificate(settings)
        # Following blocks for a second at a time: its replies may take longer than those of a throttle.
        self._follower = connect(settings.redis_url, seconds=5.0)
        self._counter = connect(settings.redis_url, seconds=THROTTLE_SECONDS)
        snapshot = SnapshotFile(settings.snapshot) if settings.snapshot else None
        self.catalogue = Catalogue(self._follower, time.monotonic, _wall_clock, snapshot)
        self.revocations = Revocations(self._follower, _wall_clock, self.registry)
        self.hints, scripts = KeyHints(self._counter, time.monotonic), Scripts(self._counter, self.telemetry.throttle)
        self.leases = LeaseBook(scripts, self.telemetry.throttle, settings.on_redis_loss)
        self.slots = SlotBook(self.id, scripts, self.telemetry.throttle, settings.on_redis_loss)
        proxies, balancer = TrustedProxies.parse(settings.trusted_proxies), Balancer()
        connector = Connector(settings.addresses)
        access = AccessBook(self._unsealing_key)
        self.introspector = Introspector(settings.addresses, self._unsealing_key, _wall_clock)
        self.prober = Prober(lambda: self.catalogue.table, connector, access, balancer, self.telemetry)
        self.gateway = Gateway(
            catalogue=self.catalogue,
            authenticator=self._authenticator(),
            assertions=AssertionBook(self._unsealing_key, _wall_clock),
            throttle=Throttle(self.leases, self.slots),
            dialler=Dialler(connector, access, balancer),
            registry=self.registry,
            telemetry=self.telemetry,
            drain=self.drain,
            overload=self.overload,
            proxies=proxies,
            clock=_wall_clock,
        )
        self.listener = Listener(
            self.gateway.handle,
            capacity=count_connections(),
            count_open=lambda: len(self.registry),
            proxies=proxies if settings.proxy_protocol else None,
            on_refused=lambda cause: self.telemetry.refused_connections.labels(cause).inc(),
        )

    def _unsealing_key(self) -> str | None:
        return self.catalogue.unsealing_key

    def _authenticator(self) -> Authenticator:
        proofs = ProofChecker(UsedProofs(self._counter, self.settings.on_redis_loss), self.settings.gateways)
        return Authenticator(TicketBox(self._counter), proofs, self.hints, self.introspector, self.revocations)

    async def beat(self) -> None:
        """Say each second that this pod lives, and count those that do, until cancelled."""
        while True:
            await self._beat()
            await asyncio.sleep(BEAT_SECONDS)

    async def _beat(self) -> None:
        now = _wall_clock()
        try:
            async with self._counter.pipeline(transaction=False) as pipe:
                pipe.zadd(keys.PODS, {self.id: now + HEARTBEAT_SECONDS})
                pipe.zremrangebyscore(keys.PODS, "-inf", now)
                pipe.zcard(keys.PODS)
                self.leases.live_pods = self.slots.live_pods = max(1, (await pipe.execute())[-1])
        except (RedisError, OSError) as error:
            log.warning("no heartbeat: %s", error)

    def report(self) -> Report:
        """Return what this pod says of itself."""
        catalogue, telemetry = self.catalogue, self.telemetry
        mark = catalogue.mark
        state = telemetry.state
        state.lag.set(self.overload.lag_seconds)
        state.open.set(len(self.registry))
        state.revision.set(mark.revision if mark else 0)
        state.age.set(catalogue.age_seconds or 0)
        state.refused.set(len(catalogue.refused))
        return Report(
            reason="draining" if self.drain.draining else "" if mark else "no configuration yet",
            revision=mark.revision if mark else None,
            digest=mark.digest if mark else None,
            age_seconds=catalogue.age_seconds,
            apis=sum(len(versions.by_name) for versions in catalogue.table.contexts.values()),
            refused=list(catalogue.refused),
            metrics=collect(telemetry.registry),
        )

    def reload_certificate(self) -> None:
        if self.certificate is not None:
            self.certificate.reload()

    async def stop(self) -> None:
        """Close every connection in good order, and give back what was leased."""
        await self.drain.run(self.registry, self.settings.drain_seconds)
        await self.leases.give_back_all()
        await self.slots.give_back_all()

    async def disconnect(self) -> None:
        await self.introspector.close()
        await disconnect(self._follower)
        await disconnect(self._counter)


@dataclass(frozen=True, slots=True)
class Running:
    """A pod that serves, and the ports that it got."""

    pod: Pod
    port: int
    tls_port: int | None
    ops_port: int


@asynccontextmanager
async def run_pod(settings: Settings, ports: Ports) -> AsyncIterator[Running]:
    """Serve a pod of one process. At the end it drains."""
    async with start_pod(settings) as pod:

        async def collect() -> Collected:
            return Collected([pod.report()])

        async with (
            serve_ops(collect, ports.host, ports.ops_port) as ops_port,
            open_ports(pod, ports) as (port, tls_port),
        ):
            yield Running(pod, port, tls_port, ops_port)


@asynccontextmanager
async def start_pod(settings: Settings) -> AsyncIterator[Pod]:
    """Run a pod that follows the catalogue and accepts nobody yet. Raises `CertificateError`."""
    pod = Pod(settings)
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
            pod.beat(),
            pod.overload.watch(),
            follow(pod.catalogue, pod.registry),
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


def _wall_clock() -> float:
    return time.time()  # noqa: TID251 - here is where the clock comes from
