"""How a pod dials backends: over TLS, with credentials, and by several URLs."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request, Response

from shared import keys
from shared.definition import BackendCredentials
from tests.integration.data_plane.conftest import Backend, Gate, echo_backend, port_of
from tests.support.certificate import make_certificate, server_context
from tests.support.waiting import eventually

KEY = Fernet.generate_key().decode()


class Served:
    """A backend that counts its handshakes, keeps their headers, and answers with its name or a refusal."""

    def __init__(self, name: str, status: HTTPStatus | None = None) -> None:
        self.name = name
        self.status = status
        self.headers: list[Headers] = []
        self.server: Server | None = None

    @property
    def port(self) -> int:
        assert self.server is not None
        return port_of(self.server)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.headers.append(request.headers)
        return connection.respond(self.status, "refused") if self.status else None

    async def answer(self, connection: ServerConnection) -> None:
        await connection.send(self.name)
        await connection.wait_closed()


@asynccontextmanager
async def backend_of(
    name: str = "a", status: HTTPStatus | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Served]:
    served = Served(name, status)
    async with serve(served.answer, "127.0.0.1", 0, ssl=tls, process_request=served.look) as server:
        served.server = server
        yield served


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


async def publish(gate: Gate, urls: Sequence[str], balance: str = "round_robin", **fields: Any) -> None:
    gate.world.put_api(None, endpoints={"production": {"urls": urls, "balance": balance}}, **fields)
    await gate.caught_up()


async def name_of(gate: Gate, headers: dict[str, str] | None = None) -> str:
    """Connect once, and return who answered."""
    async with gate.connect(headers=headers) as client:
        return str(await client.recv())


async def refusal(gate: Gate) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await name_of(gate)
    return refused.value.response.status_code, (refused.value.response.body or b"").decode()


# TLS


async def test_a_backend_behind_an_authority_of_its_own(gate: Gate, stack: AsyncExitStack, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    backend = await stack.enter_async_context(backend_of(tls=server_context(certificate)))
    await publish(gate, [f"wss://localhost:{backend.port}"], ca_certificate=certificate.cert.read_text())
    assert await name_of(gate) == "a"


@pytest.mark.parametrize(("host", "known"), [("localhost", False), ("other.test", True)])
async def test_a_certificate_that_is_not_good_enough(
    gate: Gate, stack: AsyncExitStack, tmp_path: Path, host: str, known: bool
) -> None:
    certificate = make_certificate(tmp_path, host, "192.0.2.1")
    backend = await stack.enter_async_context(backend_of(tls=server_context(certificate)))
    authority = certificate.cert.read_text() if known else None
    await publish(gate, [f"wss://localhost:{backend.port}"], ca_certificate=authority)
    status, body = await refusal(gate)
    assert status == 502
    assert "certificate is not trusted, or not for its name" in body
    assert backend.headers == []


async def test_a_definition_that_changes_takes_its_trust_along(
    gate: Gate, stack: AsyncExitStack, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    backend = await stack.enter_async_context(backend_of(tls=server_context(certificate)))
    url = f"wss://localhost:{backend.port}"
    await publish(gate, [url], ca_certificate=certificate.cert.read_text())
    assert await name_of(gate) == "a"
    await publish(gate, [url])
    assert (await refusal(gate))[0] == 502


async def test_the_gateway_proves_who_it_is(gate: Gate, stack: AsyncExitStack, tmp_path: Path) -> None:
    certificate, mine = make_certificate(tmp_path / "server"), make_certificate(tmp_path / "client", "gateway")
    backend = await stack.enter_async_context(backend_of(tls=server_context(certificate, trusts=mine)))
    credentials = BackendCredentials(header="Authorization", value="Basic YTpi").model_dump_json()
    sealed = {
        "sealed_client_certificate": Fernet(KEY).encrypt(mine.both.read_bytes()).decode(),
        "sealed_backend_credentials": Fernet(KEY).encrypt(credentials.encode()).decode(),
    }
    urls, authority = [f"wss://127.0.0.1:{backend.port}"], certificate.cert.read_text()
    await publish(gate, urls, ca_certificate=authority)
    assert (await refusal(gate))[0] == 502
    await publish(gate, urls, ca_certificate=authority, **sealed)
    assert (await refusal(gate))[0] == 503  # it never dials without the credentials
    gate.world.redis.set(keys.CATALOGUE_KEY, KEY)
    await eventually(lambda: gate.pod.catalogue.unsealing_key == KEY)
    assert await name_of(gate) == "a"
    assert backend.headers[-1]["Authorization"] == "Basic YTpi"


async def test_messages_of_all_sizes_pass_over_tls(gate: Gate, stack: AsyncExitStack, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    backend = await stack.enter_async_context(echo_backend(tls=server_context(certificate)))
    await publish(gate, [backend.url], ca_certificate=certificate.cert.read_text())
    async with gate.connect(max_size=2**21) as client:
        for message in ("hello", b"", b"x" * 70_000, "y" * 2**20):
            await client.send(message)
            assert await client.recv() == message
        await backend.handshakes[0].close(4000, "enough")
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4000, "enough")


async def test_a_backend_that_leaves_during_tls_is_no_fault_of_ours(
    gate: Gate, stack: AsyncExitStack, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(leave, "127.0.0.1", 0))
    await publish(gate, [f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}", backend.url], "failover")
    async with gate.connect():
        pass
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


# Headers


async def test_what_the_api_sets_and_cookies_where_it_asks_for_them(gate: Gate, stack: AsyncExitStack) -> None:
    backend = await stack.enter_async_context(backend_of())
    sent = {"X-Tenant": "mine", "x_tenant": "mine", "Cookie": "session=1"}
    await publish(gate, [backend.url])
    await name_of(gate, sent)
    await publish(gate, [backend.url], set_headers={"X-Tenant": "7"}, forward_cookies=True)
    await name_of(gate, sent)
    before, after = backend.headers
    assert (before["X-Tenant"], before.get("Cookie")) == ("mine", None)
    assert (after.get_all("X-Tenant"), after.get_all("x_tenant"), after["Cookie"]) == (["7"], [], "session=1")


# Several URLs


async def test_round_robin_takes_turns(gate: Gate, stack: AsyncExitStack) -> None:
    backends = [await stack.enter_async_context(backend_of(name)) for name in "abc"]
    await publish(gate, [backend.url for backend in backends])
    names = [await name_of(gate) for _ in range(6)]
    assert names[:3] == names[3:]
    assert sorted(names[:3]) == ["a", "b", "c"]


async def test_least_connections_goes_where_fewest_are_open(gate: Gate, stack: AsyncExitStack) -> None:
    backends = [await stack.enter_async_context(backend_of(name)) for name in "ab"]
    await publish(gate, [backend.url for backend in backends], "least_connections")
    clients = [await gate.connect() for _ in range(4)]
    by_name: dict[Any, list[Any]] = {"a": [], "b": []}
    for client in clients:
        by_name[await client.recv()].append(client)
    assert [len(there) for there in by_name.values()] == [2, 2]
    for client in by_name["b"]:
        await client.close()
    await eventually(lambda: len(gate.pod.registry) == 2)
    again = [await gate.connect() for _ in range(2)]
    assert [await client.recv() for client in again] == ["b", "b"]
    for client in (*again, *by_name["a"]):
        await client.close()


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_another_url_answers_for_one_that_is_out_of_order(gate: Gate, stack: AsyncExitStack, status: int) -> None:
    ill = await stack.enter_async_context(backend_of("ill", HTTPStatus(status)))
    well = await stack.enter_async_context(backend_of("well"))
    await publish(gate, [ill.url, well.url], "failover")
    assert await name_of(gate) == "well"
    assert len(ill.headers) == 1
    await publish(gate, [ill.url])
    assert (await refusal(gate))[0] == 502


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_what_a_client_may_have_caused_is_not_tried_elsewhere(
    gate: Gate, stack: AsyncExitStack, status: int
) -> None:
    refusing = await stack.enter_async_context(backend_of("refusing", HTTPStatus(status)))
    other = await stack.enter_async_context(backend_of("other"))
    await publish(gate, [refusing.url, other.url], "failover")
    for _ in range(2):
        status_there, body = await refusal(gate)
        assert (status_there, f"answered {status}" in body) == (502, True)
    assert (len(refusing.headers), len(other.headers)) == (2, 0)


@pytest.mark.parametrize(
    ("answer", "elsewhere"), [(b"", True), (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web", False)]
)
async def test_a_backend_that_hangs_up(
    gate: Gate, stack: AsyncExitStack, backend: Backend, answer: bytes, elsewhere: bool
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(hang_up, "127.0.0.1", 0))
    dying = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await publish(gate, [dying, backend.url], "failover")
    if elsewhere:
        async with gate.connect():
            pass
    else:
        assert (await refusal(gate))[0] == 502
    assert len(backend.handshakes) == int(elsewhere)


async def test_connections_that_fail_are_not_counted_as_open(gate: Gate, stack: AsyncExitStack) -> None:
    ill = await stack.enter_async_context(backend_of("ill", HTTPStatus.SERVICE_UNAVAILABLE))
    well = await stack.enter_async_context(backend_of("well"))
    await publish(gate, [ill.url, well.url], "least_connections")
    assert [await name_of(gate) for _ in range(3)] == ["well"] * 3
    ill.status = None
    await eventually(lambda: name_is(gate, "ill"), within=10)


async def name_is(gate: Gate, wanted: str) -> bool:
    return await name_of(gate) == wanted
