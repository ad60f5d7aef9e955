"""The handler of the WebSocket ports: the seven stages of a connection, in order."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypedDict

from websockets.utils import accept_key

from services.data_plane import account
from services.data_plane.admit import admit
from services.data_plane.assertion import AssertionBook
from services.data_plane.authenticate import Authenticator
from services.data_plane.catalogue import Catalogue
from services.data_plane.connection import (
    OWN_SUBPROTOCOL,
    Admission,
    Attempt,
    Caller,
    Handshake,
    Headers,
    Request,
    Route,
    Trace,
    Tracer,
)
from services.data_plane.decoding_relay import DecodingRelay
from services.data_plane.deflate import Agreement
from services.data_plane.drain import Drain
from services.data_plane.failures import Failures
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.handshake import read_handshake
from services.data_plane.ledger import Ledger
from services.data_plane.listener import ClientGoneError, Exchange, new_request_id
from services.data_plane.live import reconsider
from services.data_plane.liveness import Liveness, Terms
from services.data_plane.overload import Overload
from services.data_plane.query import take_credential
from services.data_plane.refusal import RefusedError, come_back_later, render
from services.data_plane.registry import Connection, Registry
from services.data_plane.relay import Relay
from services.data_plane.routing import match
from services.data_plane.staleness import Staleness
from services.data_plane.table import RouteTable
from services.data_plane.tails import Tails
from services.data_plane.telemetry import Telemetry
from services.data_plane.throttle.allotment import Allotment, Throttle
from services.data_plane.throttle.meter import Meter
from services.data_plane.upstream import Dialler, Upstream
from services.data_plane.usage import UsageBook
from shared.assertions import ASSERTION_HEADER
from shared.definition import ApiDefinition, MessageSizes
from shared.limits import Direction
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that admits and carries connections."""

    catalogue: Catalogue
    authenticator: Authenticator
    assertions: AssertionBook
    throttle: Throttle
    dialler: Dialler
    registry: Registry
    telemetry: Telemetry
    drain: Drain
    overload: Overload
    staleness: Staleness
    usage: UsageBook
    tails: Tails
    ledger: Ledger
    proxies: TrustedProxies
    clock: Callable[[], float]
    tracer: Tracer | None = None
    failures: Failures = field(default_factory=Failures)
    refusals: account.RefusalLog = field(default_factory=account.RefusalLog)

    async def handle(self, exchange: Exchange, request: Request) -> None:
        """Answer one request: with a relay that goes on by itself, or a refusal."""
        attempt = Attempt(new_request_id(), request.address)
        if self.tracer is not None:
            attempt.trace = self.tracer.begin(request, trusted=self.proxies.trust(request.address))
        attempt.enter("read")
        try:
            await self._connect(exchange, request, attempt)
        except RefusedError as refused:
            self._refuse(attempt, refused.problem)
            key_type = attempt.caller.key_type if attempt.caller is not None else None
            exchange.refuse(render(refused, attempt.request_id, key_type))
        except (ClientGoneError, asyncio.CancelledError):
            self.telemetry.handshakes.ended_with("client_gone").inc()
            if attempt.trace is not None:
                attempt.trace.refuse(attempt, "client_gone", None)
            raise
        else:
            self.ledger.accept(attempt.stages)
            if attempt.trace is not None:
                attempt.trace.accept(attempt)

    def _refuse(self, attempt: Attempt, problem: Problem) -> None:
        self.telemetry.handshakes.ended_with(problem.slug).inc()
        self.usage.note_refused(attempt.api, attempt.caller, problem.slug)
        self.tails.note_refused(attempt, problem)
        self.refusals.note(attempt, problem.slug, problem.status)
        if attempt.trace is not None:
            attempt.trace.refuse(attempt, problem.slug, problem.status)

    async def _connect(self, exchange: Exchange, request: Request, attempt: Attempt) -> None:
        self.drain.check()
        self.overload.check()
        if self.catalogue.mark is None:
            raise come_back_later("not_ready")
        self.staleness.check()
        table = self.catalogue.table
        handshake = read_handshake(request, attempt.request_id, self.proxies)
        attempt.address = handshake.address
        attempt.enter("route")
        route = match(handshake, table)
        attempt.api = route.api
        handshake = take_credential(handshake, route.api.auth)
        attempt.enter("authenticate")
        attempt.caller = caller = await self._authenticate(handshake, route, table)
        attempt.enter("admit")
        self.overload.check_caller(caller.key_type)
        admission = admit(handshake, route, caller, table)
        allotment = await Allotment.take(self.throttle, admission.quotas)
        try:
            consumer = self._tell_of(caller, route.api, table)
            upstream = await self.dialler.dial(
                attempt, handshake, route, consumer, admission.endpoint, _find_droppable(route, admission)
            )
            try:
                route, caller = self._catch_up(handshake, route, caller, allotment, table)
                self._relay(exchange, handshake, route, caller, allotment, upstream, attempt.trace)
            except BaseException:
                upstream.transport.abort()
                self.dialler.release(upstream.url)
                raise
        except BaseException:
            allotment.close()
            raise

    async def _authenticate(self, handshake: Handshake, route: Route, table: RouteTable) -> Caller:
        self.failures.check(handshake.address)
        try:
            return await self.authenticator.authenticate(handshake, route, table, self.clock())
        except RefusedError as refused:
            if refused.problem.status == HTTPStatus.UNAUTHORIZED and handshake.credential is not None:
                self.failures.note(handshake.address)
            raise

    def _tell_of(self, caller: Caller, api: ApiDefinition, table: RouteTable) -> Headers:
        """Return the headers by which a backend learns who calls."""
        application, assertion = caller.application, self.assertions.write(api, caller, table)
        told: Headers = (("X-Consumer-Application", application.id),) if application is not None else ()
        return told if assertion is None else (*told, (ASSERTION_HEADER, assertion))

    def _catch_up(
        self, handshake: Handshake, route: Route, caller: Caller, allotment: Allotment, table: RouteTable
    ) -> tuple[Route, Caller]:
        """Apply what changed during a dial: until a connection is in the registry no change finds it."""
        self.authenticator.check_revoked(caller.claims)
        if self.catalogue.table is table:
            return route, caller
        route, caller, quotas = reconsider(route, caller, handshake.visitor, self.catalogue.table, self.clock())
        if quotas != allotment.quotas:
            allotment.replace(quotas)
        return route, caller

    def _relay(
        self,
        exchange: Exchange,
        handshake: Handshake,
        route: Route,
        caller: Caller,
        allotment: Allotment,
        upstream: Upstream,
        trace: Trace | None,
    ) -> None:
        relay = self._make_relay(route, allotment, upstream, lambda _: self._end(connection))
        liveness = Liveness(relay, _terms(route.api), time.monotonic())
        connection = Connection(
            relay,
            route,
            caller,
            handshake.request_id,
            handshake.visitor,
            upstream.url,
            liveness,
            allotment,
            trace=trace,
        )
        client, early = exchange.accept(relay.client, _accept(handshake, upstream, allotment))
        self.registry.add(connection)
        self.usage.note_opened(connection)
        relay.start(client, upstream.transport, early, upstream.early)
        self.tails.note_opened(connection)

    def _make_relay(
        self, route: Route, allotment: Allotment, upstream: Upstream, on_end: Callable[[Relay], None]
    ) -> Relay:
        common = _RelayParts(
            publish=allotment.publish,
            subscribe=allotment.subscribe,
            sizes=route.api.max_message_bytes,
            agreement=upstream.agreement,
            notices=upstream.subprotocol is None,
            on_end=on_end,
        )
        if route.checks is None:
            return Relay(**common)
        api = f"{route.api.context}/{route.api.version}"
        return DecodingRelay(
            **common,
            checks=route.checks,
            count=lambda direction, result: self.telemetry.checked_with(api, direction, result).inc,
        )

    def _end(self, connection: Connection) -> None:
        self.registry.remove(connection)
        self.dialler.release(connection.upstream_url)
        connection.allotment.close()
        self.tails.note_closed(connection)
        self.ledger.end(connection)


class _RelayParts(TypedDict):
    """What both kinds of relay are made of."""

    publish: Meter | None
    subscribe: Meter | None
    sizes: MessageSizes
    agreement: Agreement
    notices: bool
    on_end: Callable[[Relay], None]


def _find_droppable(route: Route, admission: Admission) -> Collection[Direction]:
    droppable = admission.quotas.droppable
    return droppable if route.checks is None else droppable | route.checks.droppable


def _terms(api: ApiDefinition) -> Terms:
    age = api.max_connection_age_seconds
    return Terms(
        # Up to a tenth earlier: connections that came together don't leave together.
        ages_at=time.monotonic() + age * random.uniform(0.9, 1.0) if age else math.inf,  # noqa: S311 - it spreads ends
        idle_seconds=api.idle_timeout_seconds or math.inf,
        ping_seconds=api.ping_interval_seconds or math.inf,
    )


def _accept(handshake: Handshake, upstream: Upstream, allotment: Allotment) -> bytes:
    """Return the 101 (RFC 6455, section 4.2.2)."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(handshake.key)}",
        f"X-Connection-Id: {handshake.request_id}",
    ]
    subprotocol = upstream.subprotocol or (OWN_SUBPROTOCOL if OWN_SUBPROTOCOL in handshake.subprotocols else None)
    if subprotocol:
        lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
    if upstream.agreement.header:
        lines.append(f"Sec-WebSocket-Extensions: {upstream.agreement.header}")
    lines += [f"{name}: {value}" for name, value in allotment.headers()]
    return "\r\n".join([*lines, "", ""]).encode()
