"""Active health checks: what a pod finds out of backends by itself."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from services.data_plane.settings import Settings
from shared import keys
from tests.integration.data_plane.conftest import Backend, Gate, echo_backend, run_gate
from tests.support.certificate import make_certificate, server_context
from tests.support.waiting import eventually, free_port
from tests.support.world import World

KEY = Fernet.generate_key().decode()


class Counting:
    """A server that counts its connections, once TLS stands, and what it is sent over them."""

    def __init__(self, greeting: bytes) -> None:
        self._greeting = greeting
        self.connections = 0
        self.received = b""
        self.url = ""

    async def look(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self._greeting:
                writer.write(self._greeting)
            else:
                self.received += await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def counting(
    host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, greeting: bytes = b""
) -> AsyncIterator[Counting]:
    counted = Counting(greeting)
    server = await asyncio.start_server(counted.look, host, 0, ssl=tls)
    async with server:
        counted.url = f"{'wss' if tls else 'ws'}://{host}:{server.sockets[0].getsockname()[1]}"
        yield counted


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "services.data_plane.probe"):
        yield caplog


def checked(*urls: str, seconds: int | None = 1) -> dict[str, Any]:
    """Return endpoints that are checked, and whose first URL is dialled as long as it is well."""
    return {"production": {"urls": urls, "balance": "failover", "health_check_seconds": seconds}}


def probes(gate: Gate, result: str) -> float:
    labels = {"result": result}
    return gate.pod.telemetry.registry.get_sample_value("framegate_backend_probes_total", labels) or 0


def said(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "services.data_plane.probe"]


async def name_of(gate: Gate) -> str:
    """Connect once, and return who answered."""
    async with gate.connect() as client:
        await client.send("name?")
        return str(await client.recv())


async def until_named(gate: Gate, wanted: str) -> None:
    """Wait until clients get to a backend: for less long than its rest would be."""

    async def is_named() -> bool:
        return await name_of(gate) == wanted

    await eventually(is_named, within=5)


async def test_a_backend_that_goes_is_left_out_and_one_that_returns_is_used(
    gate: Gate, stack: AsyncExitStack, backend: Backend, log: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}/path?key=secret"
    gate.world.put_api(None, endpoints=checked(url, backend.url))
    await eventually(lambda: probes(gate, "failed") >= 2)
    async with echo_backend("first", port):
        await until_named(gate, "first")
    seen = probes(gate, "failed")
    await eventually(lambda: probes(gate, "failed") > seen)
    assert await name_of(gate) == "production"
    place = f"the backend ws://127.0.0.1:{port} of /echo 1.0"
    ill, well = f"{place} is ill: The backend can't be reached", f"{place} is well again"
    assert said(log) == [ill, well, ill]


async def test_no_client_is_sent_where_a_probe_fails(gate: Gate, stack: AsyncExitStack, backend: Backend) -> None:
    ill = await stack.enter_async_context(counting(greeting=b"This is not TLS"))
    gate.world.put_api(None, endpoints=checked(ill.url.replace("ws:", "wss:"), backend.url))
    await eventually(lambda: probes(gate, "failed") >= 1)
    for _ in range(5):
        assert await name_of(gate) == "production"
    await eventually(lambda: ill.connections == probes(gate, "failed"))


async def test_where_every_probe_fails_clients_are_tried_all_the_same(gate: Gate, stack: AsyncExitStack) -> None:
    one, other = free_port(), free_port()
    gate.world.put_api(None, endpoints=checked(*(f"ws://127.0.0.1:{port}" for port in (one, other)), seconds=3))
    await eventually(lambda: probes(gate, "failed") >= 2, within=10)
    await stack.enter_async_context(echo_backend("returned", other))
    assert await name_of(gate) == "returned"


async def test_a_probe_asks_nothing_of_a_backend(gate: Gate, stack: AsyncExitStack) -> None:
    one, other = [await stack.enter_async_context(counting()) for _ in range(2)]
    gate.world.put_api(None, endpoints=checked(one.url, other.url))
    await eventually(lambda: min(one.connections, other.connections) >= 2)
    assert (one.received, other.received, probes(gate, "failed")) == (b"", b"", 0)


async def test_tls_is_tried_with_what_the_api_says_of_it(gate: Gate, stack: AsyncExitStack, tmp_path: Path) -> None:
    certificate, mine = make_certificate(tmp_path / "server"), make_certificate(tmp_path / "client", "gateway")
    good = await stack.enter_async_context(counting(tls=server_context(certificate, trusts=mine)))
    other = make_certificate(tmp_path / "other")
    bad = await stack.enter_async_context(counting(tls=server_context(other, trusts=mine)))
    gate.world.put_api(
        None,
        endpoints=checked(good.url, bad.url),
        ca_certificate=certificate.cert.read_text(),
        sealed_client_certificate=Fernet(KEY).encrypt(mine.both.read_bytes()).decode(),
    )
    watched = await stack.enter_async_context(watch_others(gate))
    await watched.twice()
    assert (good.connections, probes(gate, "failed")) == (0, 0)  # never without the client certificate
    gate.world.redis.set(keys.CATALOGUE_KEY, KEY)
    await eventually(lambda: good.connections >= 2 and probes(gate, "failed") >= 2, within=10)
    assert bad.connections == 0


@pytest.mark.parametrize(
    "fields",
    [{"state": "CREATED"}, {"state": "BLOCKED"}, {"state": "RETIRED"}, {"seconds": None}, {"alone": True}],
    ids=str,
)
async def test_what_is_not_probed(gate: Gate, stack: AsyncExitStack, fields: dict[str, Any]) -> None:
    one, other = [await stack.enter_async_context(counting()) for _ in range(2)]
    urls = [one.url] if fields.get("alone") else [one.url, other.url]
    endpoints = checked(*urls, seconds=fields.get("seconds", 1))
    gate.world.put_api(None, endpoints=endpoints, state=fields.get("state", "PUBLISHED"))
    watched = await stack.enter_async_context(watch_others(gate))
    await watched.twice()
    assert (one.connections, other.connections) == (0, 0)


async def test_probes_follow_the_catalogue(gate: Gate, stack: AsyncExitStack) -> None:
    gone, kept, new = [await stack.enter_async_context(counting()) for _ in range(3)]
    gate.world.put_api(None, endpoints=checked(gone.url, kept.url))
    await eventually(lambda: gone.connections)
    gate.world.put_api(None, endpoints=checked(kept.url, new.url))
    await eventually(lambda: new.connections)
    watched = await stack.enter_async_context(watch_others(gate))
    seen = gone.connections
    await watched.twice()
    assert gone.connections == seen
    gate.world.put("api", "api", None)
    await gate.caught_up()
    await watched.twice()  # by then the pod has heard of it
    others_seen = kept.connections, new.connections
    await watched.twice()
    assert (kept.connections, new.connections) == others_seen


async def test_a_forbidden_address_is_not_probed(
    world: World, backend: Backend, pod_settings: Settings, stack: AsyncExitStack
) -> None:
    forbidden = await stack.enter_async_context(counting("127.0.0.2"))
    world.put_tutorial(backend.url)
    world.put_api(None, endpoints=checked(forbidden.url, backend.url))
    settings = pod_settings.model_copy(update={"endpoint_deny": "127.0.0.2/32"})
    assert not settings.addresses.permits("127.0.0.2")
    async with run_gate(world, settings) as gate:
        await eventually(lambda: probes(gate, "failed") >= 2)
        assert await name_of(gate) == "production"
    assert forbidden.connections == 0


@pytest.mark.parametrize("url", ["ws://a..b", "ws://127.0.0.1:x", "http://127.0.0.1", "ws://[::1"])
async def test_a_url_that_makes_no_sense_ends_no_pod(gate: Gate, stack: AsyncExitStack, url: str) -> None:
    one = await stack.enter_async_context(counting())
    gate.world.put_api(None, endpoints=checked(url, one.url))
    await eventually(lambda: one.connections >= 2)
    watched = await stack.enter_async_context(watch_others(gate))
    await watched.twice()


class Others:
    """The backends of another API, which tell that probes go on."""

    def __init__(self, backends: list[Counting]) -> None:
        self._backends = backends

    async def twice(self) -> None:
        """Wait until each is probed two times more: with the same interval, any other would have been, too."""
        wanted = [backend.connections + 2 for backend in self._backends]
        await eventually(
            lambda: all(backend.connections >= n for backend, n in zip(self._backends, wanted, strict=True))
        )


@asynccontextmanager
async def watch_others(gate: Gate) -> AsyncIterator[Others]:
    async with counting() as one, counting() as other:
        gate.world.put_api(None, id="other", context="/other", endpoints=checked(one.url, other.url))
        yield Others([one, other])
