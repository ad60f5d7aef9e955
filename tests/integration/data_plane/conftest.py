import gc
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.typing import Subprotocol

from services.data_plane import decoding_relay
from services.data_plane.app import Pod, Ports, run_pod
from services.data_plane.frames import inflater
from services.data_plane.settings import Settings
from shared.validation import Validation
from tests.support.redis import open_redis
from tests.support.schemas import make_validation
from tests.support.waiting import eventually
from tests.support.world import World


@dataclass
class Backend:
    """An echo backend that remembers the handshakes and messages that reached it."""

    url: str
    name: str
    handshakes: list[ServerConnection]
    messages: list[str | bytes]

    @property
    def request(self) -> Request:
        """The first handshake's request."""
        request = self.handshakes[0].request
        assert request is not None
        return request


@dataclass
class Gate:
    """A running pod, and how to get in."""

    pod: Pod
    port: int
    ops_port: int
    world: World
    tls_port: int | None = None

    def connect(
        self, path: str = "/echo/1.0", token: str | None = "", headers: Mapping[str, str] | None = None, **options: Any
    ) -> connect:
        """Return a connection to be entered; with a good token unless another, or None, is given."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.world.issuer.token()}"
        uri = f"ws://127.0.0.1:{self.port}{path}"
        return connect(uri, additional_headers=sent, proxy=None, **options)

    async def caught_up(self) -> None:
        """Wait until the pod has all that the world published."""
        await eventually(lambda: self.pod.catalogue.mark == self.world.mark)


@asynccontextmanager
async def echo_backend(
    name: str = "production", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Backend]:
    """Serve an echo that answers `name?` with its name."""
    backend = Backend("", name, [], [])

    def choose(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return Subprotocol("chat") if "chat" in offered else None

    async def echo(connection: ServerConnection) -> None:
        backend.handshakes.append(connection)
        async for message in connection:
            backend.messages.append(message)
            with suppress(ConnectionClosed):  # what came before a Close counts all the same
                await connection.send(name if message == "name?" else message)

    async with serve(echo, "127.0.0.1", port, ssl=tls, max_size=2**24, select_subprotocol=choose) as server:
        backend.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port_of(server)}"
        yield backend


def port_of(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


@pytest.fixture
def world(redis_url: str) -> Iterator[World]:
    with open_redis(redis_url) as redis:
        yield World(redis)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with echo_backend() as production:
        yield production


@pytest.fixture
def pod_settings(redis_url: str) -> Settings:
    return Settings(redis_url=redis_url, demo=True, drain_seconds=0.1)


@pytest.fixture
async def gate(world: World, backend: Backend, pod_settings: Settings) -> AsyncIterator[Gate]:
    """Run a pod with the tutorial's API published and subscribed."""
    world.put_tutorial(backend.url)
    async with run_gate(world, pod_settings) as running:
        yield running


@pytest.fixture(params=["passthrough", "decoding"])
async def gate_of_each_relay(
    request: pytest.FixtureRequest,
    world: World,
    backend: Backend,
    pod_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Gate]:
    """Run the same with an API that passes messages through, and with one that looks at them."""
    for module, bound in ((decoding_relay, "MAX_CHECKED_BYTES"), (inflater, "ALWAYS_BYTES")):
        monkeypatch.setattr(module, bound, 1 << 21)
    looking = make_validation("report", "report")
    world.put_tutorial(backend.url, validation=looking if request.param == "decoding" else Validation())
    async with run_gate(world, pod_settings) as running:
        yield running


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Have the garbage collector find nothing: what refers to itself in a circle stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@asynccontextmanager
async def run_gate(world: World, settings: Settings) -> AsyncIterator[Gate]:
    async with run_pod(settings, Ports(port=0, tls_port=0, ops_port=0)) as running:
        gate = Gate(running.pod, running.port, running.ops_port, world, running.tls_port)
        await gate.caught_up()
        yield gate
