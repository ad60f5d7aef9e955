"""An API whose sandbox is a mock, through the gateway: with all that a backend's connections are subject to."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from services.data_plane.mock import MockTransport
from services.data_plane.pump import Pump
from services.data_plane.relay import Relay
from shared.definition import Mock, MockChannel, MockOperation
from tests.integration.data_plane.conftest import Backend, Gate
from tests.support.memory import living
from tests.support.schemas import CHAT, make_schema, make_validation
from tests.support.waiting import eventually

MOCK = Mock(
    key_types=("SANDBOX",),
    schemas=(make_schema(CHAT),),
    channels=(
        MockChannel(path="/news", greeting='{"news":1}'),
        MockChannel(operations=(MockOperation(schemas=(0,), answers=('{"said":1}', '{"said":2}')),)),
    ),
)
SAY = '{"say":"hello"}'


@pytest.fixture
async def mocked(gate: Gate, backend: Backend) -> Gate:
    gate.world.put_api(backend.url, mock=MOCK)
    await gate.caught_up()
    return gate


def sandbox_token(gate: Gate) -> str:
    return gate.world.issuer.token("sandbox-key")


async def test_the_sandbox_answers_from_examples_and_production_does_not(mocked: Gate, backend: Backend) -> None:
    async with mocked.connect(token=sandbox_token(mocked)) as client:
        for number in (1, 2, 1):
            await client.send(SAY)
            assert json.loads(await client.recv()) == {"said": number}
        await client.send("what no operation takes")
        await asyncio.wait_for(await client.ping(), 5)
    assert (client.close_code, backend.messages) == (1000, [])
    async with mocked.connect() as client:
        await client.send(SAY)
        assert await client.recv() == SAY
    await eventually(lambda: len(mocked.pod.registry) == 0)


async def test_an_ended_connection_waits_for_no_garbage_collector(mocked: Gate, uncollected: None) -> None:
    async with mocked.connect(token=sandbox_token(mocked)) as client:
        await client.send(SAY)
        await client.recv()
    await eventually(lambda: not living(Relay, Pump, MockTransport))


async def test_a_channel_that_only_sends_begins(mocked: Gate) -> None:
    async with mocked.connect("/echo/1.0/news", token=sandbox_token(mocked)) as client:
        assert await client.recv() == '{"news":1}'


async def test_a_browser_gets_the_subprotocol_that_it_offers_first(mocked: Gate) -> None:
    offered = [Subprotocol("chat"), Subprotocol("other")]
    async with mocked.connect(token=sandbox_token(mocked), subprotocols=offered) as client:
        assert client.subprotocol == "chat"


async def test_credentials_and_limits_hold(mocked: Gate) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with mocked.connect(token=None):
            pass
    assert refused.value.response.status_code == 401
    mocked.world.put_policy("subscription", "Small", 2, "close")
    mocked.world.put_subscription(policy="Small")
    await mocked.caught_up()
    async with mocked.connect(token=sandbox_token(mocked)) as client:
        for _ in range(3):
            await client.send(SAY)
        await client.wait_closed()
        assert client.close_code == 4429


async def test_a_mock_is_held_to_the_schemas_too(mocked: Gate, backend: Backend) -> None:
    mocked.world.put_api(backend.url, mock=MOCK, validation=make_validation("close", "close"))
    await mocked.caught_up()
    async with mocked.connect(token=sandbox_token(mocked)) as client:
        await client.send(SAY)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_reason == "upstream_invalid_message"


async def test_a_change_that_takes_the_mock_away_refuses_new_connections(mocked: Gate, backend: Backend) -> None:
    mocked.world.put_api(backend.url)
    await mocked.caught_up()
    with pytest.raises(InvalidStatus) as refused:
        async with mocked.connect(token=sandbox_token(mocked)):
            pass
    assert refused.value.response.status_code == 403
