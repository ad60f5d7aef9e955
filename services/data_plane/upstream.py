"""Stage 5: the backend is dialled, and its 101 verified, before the client's is sent (RFC 6455, section 4.1)."""

import asyncio
import time
from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from websockets.exceptions import InvalidHeader
from websockets.utils import generate_key

from services.data_plane.backend_access import AccessBook, BackendAccess
from services.data_plane.balance import Balancer
from services.data_plane.connection import OWN_SUBPROTOCOL, Attempt, Handshake, Headers, Route
from services.data_plane.connector import CONNECT_SECONDS, Connector
from services.data_plane.deflate import Agreement, choose_offers
from services.data_plane.frames.close import write_text
from services.data_plane.http1 import AnswerHead
from services.data_plane.mock import MockBook, MockTransport, Script
from services.data_plane.refusal import BackendFailedError, RefusedError
from services.data_plane.upgrade import AnswerProtocol, Upgrade, headers_of, target_of
from shared.definition import Endpoint, Mock

HANDSHAKE_SECONDS = 10.0

_MOCK: Final = "mock:"


class Upstream(NamedTuple):
    """A backend that said yes. Its transport is paused; `early` came behind its 101."""

    url: str
    transport: asyncio.Transport
    early: bytes
    subprotocol: str | None
    agreement: Agreement


class Dialler:
    """Opens connections to backends."""

    def __init__(
        self,
        connector: Connector,
        access: AccessBook,
        balancer: Balancer,
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._connector = connector
        self._access = access
        self._balancer = balancer
        self._mocks = MockBook()
        self._handshake_seconds = handshake_seconds

    async def dial(
        self,
        attempt: Attempt,
        handshake: Handshake,
        route: Route,
        consumer: Headers,
        endpoint: Endpoint | Mock,
        droppable: Collection[str],
    ) -> Upstream:
        """Connect to one of an endpoint's URLs. A URL that fails makes room for the next, until time is up.

        `consumer` are the headers that say who calls. In the directions that are `droppable` the backend is asked for
        compression that survives a dropped message. Raises `RefusedError`.
        """
        if isinstance(endpoint, Mock):
            return self._open_mock(handshake, self._mocks.find(endpoint, route.asked))
        call = _Call(
            attempt=attempt,
            handshake=handshake,
            route=route,
            consumer=consumer,
            access=self._access.of(route.api),
            offers=_choose_offers(handshake, droppable),
        )
        failure: RefusedError | None = None
        until = time.monotonic() + CONNECT_SECONDS + self._handshake_seconds
        for url, health in self._balancer.order(endpoint):
            if time.monotonic() >= until:
                raise RefusedError("upstream_timeout") from failure
            try:
                with health.dial():
                    return await self._open(url, call)
            except BackendFailedError as error:
                if not error.elsewhere:
                    raise
                failure = error
        raise failure or RefusedError("upstream_unreachable")

    def release(self, url: str) -> None:
        """Forget one connection to a URL."""
        self._balancer.release(url)

    def _open_mock(self, handshake: Handshake, script: Script) -> Upstream:
        self._balancer.take(_MOCK)
        greeting = b"" if script.greeting is None else write_text(script.greeting)
        # A browser fails where none of the subprotocols that it offers is chosen.
        subprotocol = next((name for name in handshake.subprotocols if name != OWN_SUBPROTOCOL), None)
        transport = MockTransport(asyncio.get_running_loop(), script)
        return Upstream(_MOCK, transport, greeting, subprotocol, Agreement())

    async def _open(self, url: str, call: "_Call") -> Upstream:
        parts = urlsplit(url)
        call.attempt.enter("dial")
        loop = asyncio.get_running_loop()
        self._balancer.take(url)
        try:
            protocol = await self._connector.connect(parts, call.access.tls, lambda: AnswerProtocol(loop))
            try:
                call.attempt.enter("upgrade")
                upgrade = Upgrade(generate_key(), call.subprotocols, call.offers)
                protocol.transport.write(upgrade.ask(call.target(parts), call.headers(parts)))
                answer = await self._wait(protocol)
                subprotocol, agreement = upgrade.verify(answer)
            except BaseException:
                protocol.transport.abort()
                raise
        except BaseException:
            self._balancer.release(url)
            raise
        return Upstream(url, protocol.transport, answer.rest, subprotocol, agreement)

    async def _wait(self, protocol: AnswerProtocol) -> AnswerHead:
        timer = protocol.loop.call_later(self._handshake_seconds, protocol.give_up)  # at half the cost of a timeout
        try:
            return await protocol.answer
        except TimeoutError as error:
            raise BackendFailedError("upstream_timeout", elsewhere=False) from error
        except (OSError, ValueError) as error:
            # Who said nothing yet has done nothing yet: a backend that restarts ends connections in this way.
            detail = "The backend's answer is not a WebSocket handshake."
            raise BackendFailedError("upstream_refused", detail, elsewhere=not protocol.began) from error
        finally:
            timer.cancel()


class _Call(NamedTuple):
    """What every URL of an endpoint is asked in the same way."""

    attempt: Attempt
    handshake: Handshake
    route: Route
    consumer: Headers
    access: BackendAccess
    offers: str

    @property
    def subprotocols(self) -> tuple[str, ...]:
        return tuple([name for name in self.handshake.subprotocols if name != OWN_SUBPROTOCOL])

    def target(self, parts: SplitResult) -> str:
        return target_of(parts, self.route.rest, self.handshake.query)

    def headers(self, parts: SplitResult) -> Headers:
        trace = self.attempt.trace.headers if self.attempt.trace is not None else ()
        return headers_of(self.handshake, self.route.api, parts.netloc, self.consumer, self.access.headers, trace)


def _choose_offers(handshake: Handshake, droppable: Collection[str]) -> str:
    try:
        return choose_offers(handshake.extensions, droppable)
    except InvalidHeader as error:
        raise RefusedError("malformed_upgrade", "Sec-WebSocket-Extensions is malformed.") from error
