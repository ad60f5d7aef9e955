"""Active health checks: URLs are connected to now and then, so that no client is the first to find one gone."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

from services.data_plane.backend_access import AccessBook
from services.data_plane.balance import Balancer, Health
from services.data_plane.connector import CONNECT_SECONDS, Connector
from services.data_plane.refusal import RefusedError, UnreachableError
from services.data_plane.table import RouteTable
from services.data_plane.telemetry import Telemetry
from services.data_plane.ticks import tick
from shared.definition import ApiDefinition, Endpoint

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 16
FOLLOW_SECONDS: Final = 0.5
CLOSE_SECONDS: Final = 1.0

_CALLED: Final = ("PROTOTYPED", "PUBLISHED", "DEPRECATED")


class Prober:
    """Keeps the health of URLs current where an endpoint asks for it, and has another URL to turn to."""

    def __init__(
        self,
        find_table: Callable[[], RouteTable],
        connector: Connector,
        access: AccessBook,
        balancer: Balancer,
        telemetry: Telemetry,
    ) -> None:
        self._find_table = find_table
        self._connector = connector
        self._access = access
        self._balancer = balancer
        self._results = telemetry.probes
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._followed = RouteTable().contexts  # keeps what is watched: no other object gets its id
        self._watches: dict[int, list[asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Watch what the catalogue says, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._follow(group)
                await tick(FOLLOW_SECONDS)

    def _follow(self, group: asyncio.TaskGroup) -> None:
        table = self._find_table()
        if table.contexts is self._followed:
            return
        wanted = {id(endpoint): (api, endpoint) for api, endpoint in _find_checked(table)}
        for key in self._watches.keys() - wanted.keys():
            for task in self._watches.pop(key):
                task.cancel()
        for key in wanted.keys() - self._watches.keys():
            targets = self._find_targets(*wanted[key])
            self._watches[key] = [group.create_task(self._watch(target)) for target in targets]
        self._followed = table.contexts

    def _find_targets(self, api: ApiDefinition, endpoint: Endpoint) -> "Iterator[_Target]":
        health = self._balancer.health(endpoint)
        if endpoint.health_check_seconds is not None and len(health) > 1:
            for url in health:
                yield _Target(api, url, health[url], endpoint.health_check_seconds)

    async def _watch(self, target: "_Target") -> None:
        try:
            await asyncio.sleep(random.uniform(0, target.seconds))  # noqa: S311 - neither pods nor URLs in step
            while True:
                async with self._places:
                    await self._probe(target)
                await asyncio.sleep(target.seconds * random.uniform(0.9, 1.1))  # noqa: S311 - as above
        except Exception:
            # A URL that can't even be tried must not end the pod. Its next definition is watched anew.
            log.exception("a backend of %s %s is not watched any more", target.api.context, target.api.version)

    async def _probe(self, target: "_Target") -> None:
        try:
            tls = self._access.of(target.api).tls
        except RefusedError:
            return  # a backend is never dialled without the credentials
        try:
            protocol = await self._connector.connect(urlsplit(target.url), tls, _Leaving)
        except UnreachableError as error:
            self._results.labels("failed").inc()
            target.learn(error)
        else:
            self._results.labels("ok").inc()
            target.learn(None)
            await protocol.leave()


@dataclass(slots=True)
class _Target:
    """A URL that is watched, and what the last probe found."""

    api: ApiDefinition
    url: str
    health: Health
    seconds: int
    ill: bool = False

    def __str__(self) -> str:
        """Name the URL without what may be secret in it."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"the backend {parts.scheme}://{host} of {self.api.context} {self.api.version}"

    def learn(self, failure: UnreachableError | None) -> None:
        self.health.learn(reached=failure is None, trusted_seconds=2 * self.seconds + CONNECT_SECONDS)
        if failure is not None and not self.ill:
            log.warning("%s is ill: %s", self, failure.detail or failure.problem.title)
        elif failure is None and self.ill:
            log.info("%s is well again", self)
        self.ill = failure is not None


class _Leaving(asyncio.Protocol):
    """Wants nothing of a connection but its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so
        self._ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended.set()

    async def leave(self) -> None:
        """Close in good order, but wait for nobody for long."""
        self._transport.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._ended.wait()
        finally:
            self._transport.abort()


def _find_checked(table: RouteTable) -> Iterator[tuple[ApiDefinition, Endpoint]]:
    """Yield each endpoint that asks for health checks and that clients may reach."""
    for versions in table.contexts.values():
        for api in versions.by_name.values():
            if api.state in _CALLED:
                for endpoint in (api.endpoints.production, api.endpoints.sandbox):
                    if endpoint is not None and endpoint.health_check_seconds is not None:
                        yield api, endpoint
