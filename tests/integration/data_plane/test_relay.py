"""What comes through the gateway: the same messages, both ways, and nothing that should not."""

import asyncio

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.typing import Subprotocol

from tests.integration.data_plane.conftest import Backend, Gate, echo_backend
from tests.integration.data_plane.test_refusals import UPGRADE
from tests.support.frames import client_frame, close_payload, frame
from tests.support.waiting import eventually
from tests.support.wire import accepting, request, wire, wire_backend


@pytest.fixture
def gate(gate_of_each_relay: Gate) -> Gate:
    return gate_of_each_relay


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_come_back_as_they_were(gate: Gate, compression: str | None) -> None:
    async with gate.connect(compression=compression, max_size=2**21) as client:
        for message in ("hello", b"\x00\xff", "", "€" * 40, b"x" * 65_535, "y" * 65_536, b"z" * 2**20):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["frag", "ment", "ed"])
        assert await client.recv() == "fragmented"


async def test_a_thousand_messages_keep_their_order(gate: Gate) -> None:
    async with gate.connect() as client:

        async def send() -> None:
            for number in range(1000):
                await client.send(str(number))

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            for number in range(1000):
                assert await client.recv() == str(number)


async def test_pings_reach_the_backend_and_their_pongs_come_back(gate: Gate) -> None:
    async with gate.connect() as client:
        await asyncio.wait_for(await client.ping(b"mark"), 5)


async def test_close_codes_and_reasons_pass_both_ways(gate: Gate, backend: Backend) -> None:
    async with gate.connect() as client:
        await client.close(4321, "from the client")
    await backend.handshakes[0].wait_closed()
    assert (backend.handshakes[0].close_code, backend.handshakes[0].close_reason) == (4321, "from the client")
    async with gate.connect() as client:
        await backend.handshakes[1].close(4567, "from the backend")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4567, "from the backend")
    await eventually(lambda: len(gate.pod.registry) == 0)


async def test_what_a_client_sends_behind_its_close_loses_nothing_that_is_on_its_way_to_it(gate: Gate) -> None:
    """A socket that is closed answers whatever still comes with a reset, and forgets what was not sent yet."""
    last_words = frame(2, bytes(1_000_000)) + frame(8, close_payload(1000))
    async with wire_backend(accepting(behind=last_words)) as talker:
        gate.world.put_tutorial(talker.url)
        await gate.caught_up()
        async with wire(gate.port) as client:
            client.send(request("/echo/1.0", ("Authorization", f"Bearer {gate.world.issuer.token()}")))
            await client.head()
            client.send(client_frame(8, close_payload(1000)))
            await eventually(lambda: talker.ended)
            client.send(client_frame(9, b"late"))
            assert await client.rest() == last_words
    await eventually(lambda: len(gate.pod.registry) == 0)


async def test_a_lost_client_is_going_away_to_the_backend(gate: Gate, backend: Backend) -> None:
    client = await gate.connect()
    client.transport.abort()
    await backend.handshakes[0].wait_closed()
    assert backend.handshakes[0].close_code == 1001
    await eventually(lambda: len(gate.pod.registry) == 0)


async def test_a_lost_backend_is_told_to_the_client(gate: Gate, backend: Backend) -> None:
    async with gate.connect() as client:
        backend.handshakes[0].transport.abort()
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1011, "upstream_lost")


def response_of(client: ClientConnection) -> Response:
    assert client.response is not None
    return client.response


async def test_path_query_and_headers_reach_the_backend_and_the_token_does_not(gate: Gate, backend: Backend) -> None:
    headers = {"X-Custom": "kept", "Cookie": "secret=1", "X-Consumer-Application": "forged"}
    async with gate.connect("/echo/1.0/rooms/a%2Fb?x=1&y=%20", headers=headers) as client:
        connection_id = response_of(client).headers["X-Connection-Id"]
    request = backend.request
    assert request.path == "/rooms/a%2Fb?x=1&y=%20"
    got = request.headers
    assert (got["X-Custom"], got["X-Consumer-Application"]) == ("kept", "app")
    assert (got["X-Forwarded-For"], got["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert got["X-Forwarded-Host"] == f"127.0.0.1:{gate.port}"
    assert got["X-Request-Id"] == connection_id
    assert "Authorization" not in got
    assert "Cookie" not in got


async def test_the_backend_chooses_the_subprotocol(gate: Gate, backend: Backend) -> None:
    offers = [Subprotocol("other"), Subprotocol("chat"), Subprotocol(f"bearer.{gate.world.issuer.token()}")]
    async with gate.connect(token=None, subprotocols=offers) as client:
        assert client.subprotocol == "chat"
    assert backend.request.headers["Sec-WebSocket-Protocol"] == "other, chat"


async def test_a_browser_without_a_subprotocol_of_its_own_offers_ours(gate: Gate, backend: Backend) -> None:
    offers = [Subprotocol("framegate"), Subprotocol(f"bearer.{gate.world.issuer.token()}")]
    async with gate.connect(token=None, subprotocols=offers) as client:
        assert client.subprotocol == "framegate"
    assert "Sec-WebSocket-Protocol" not in backend.request.headers


async def test_a_sandbox_key_reaches_the_sandbox_backend(gate: Gate, backend: Backend) -> None:
    async with echo_backend("sandbox") as sandbox:
        gate.world.put_api(backend.url, sandbox=sandbox.url)
        await gate.caught_up()
        for client_id, name in (("key", "production"), ("sandbox-key", "sandbox")):
            async with gate.connect(token=gate.world.issuer.token(client_id)) as client:
                await client.send("name?")
                assert await client.recv() == name


async def test_a_prototype_and_an_open_api_need_no_subscription(gate: Gate, backend: Backend) -> None:
    gate.world.put("subscription", "app-api", None)
    gate.world.put_api(backend.url, state="PROTOTYPED")
    await gate.caught_up()
    async with gate.connect():
        pass
    gate.world.put_api(backend.url, auth={"types": ["none"]})
    await gate.caught_up()
    async with gate.connect(token=None):
        pass


async def test_an_open_connection_ends_with_its_token(gate: Gate) -> None:
    async with gate.connect(token=gate.world.issuer.token(seconds=1)) as client:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 5)
        assert (client.close_code, client.close_reason) == (4401, "token_expired")


async def test_an_idle_connection_ends(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, idle_timeout_seconds=1)
    await gate.caught_up()
    async with gate.connect() as client:
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.recv(), 5)
        assert (client.close_code, client.close_reason) == (4408, "idle_timeout")


class Raw:
    """A client by hand, behind its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self) -> bytes:
        rest = await asyncio.wait_for(self.reader.read(), 5)
        self.writer.close()
        return rest


async def upgrade(gate: Gate, behind: bytes = b"") -> Raw:
    """Upgrade by hand, with bytes sent in the same breath."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    request = UPGRADE + f"Authorization: Bearer {gate.world.issuer.token()}\n\n"
    writer.write(request.replace("\n", "\r\n").encode() + behind)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 101 ")
    return Raw(reader, writer)


async def test_frames_sent_in_one_breath_with_the_handshake_are_not_lost(gate: Gate, backend: Backend) -> None:
    raw = await upgrade(gate, client_frame(1, b"early") + client_frame(8, close_payload(1000)))
    assert await raw.rest() == frame(8, close_payload(1000))
    assert backend.messages == ["early"]


async def test_an_unmasked_frame_ends_the_connection(gate: Gate, backend: Backend) -> None:
    raw = await upgrade(gate)
    raw.writer.write(frame(1, b"unmasked"))
    assert await raw.rest() == frame(8, close_payload(1002, b"protocol_error"))
    await backend.handshakes[0].wait_closed()
    assert backend.handshakes[0].close_code == 1001
    assert backend.messages == []


async def test_a_message_over_its_limit_is_refused_before_it_is_sent(gate: Gate, backend: Backend) -> None:
    gate.world.put_api(backend.url, max_message_bytes={"publish": 1000, "subscribe": 0})
    await gate.caught_up()
    async with gate.connect(compression=None) as client:
        await client.send(b"x" * 1000)
        await client.recv()
        await client.send(b"x" * 1001)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1009, "message_too_big")
    assert [len(message) for message in backend.messages] == [1000]


async def test_a_client_that_does_not_read_holds_the_backend_back(gate: Gate, backend: Backend) -> None:
    raw = await upgrade(gate)
    await eventually(lambda: backend.handshakes)
    connection = backend.handshakes[0]
    sent = 0

    async def flood() -> None:
        nonlocal sent
        while True:
            await connection.send(b"x" * 65_536)
            sent += 65_536

    task = asyncio.ensure_future(flood())
    relay = gate.pod.registry.all()[0].relay
    await eventually(lambda: relay.backend.choked)
    assert relay.client.source.get_write_buffer_size() < 1_000_000
    assert sent < 64_000_000
    task.cancel()
    raw.writer.transport.abort()
    await eventually(lambda: len(gate.pod.registry) == 0)
