"""Messages that are none that the API allows, over real connections, with compression and without."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from services.data_plane.gate import Gate as MessageGate
from shared.validation import ChannelMessages, OnInvalid, Validation
from tests.integration.data_plane.conftest import Backend, Gate
from tests.support.schemas import make_schema, make_validation
from tests.support.waiting import eventually

GOOD, BAD = '{"say":"hello"}', '{"say":7}'

both = pytest.mark.parametrize("compression", ["deflate", None])


async def check(gate: Gate, backend: Backend, validation: Validation, **fields: Any) -> None:
    gate.world.put_api(backend.url, validation=validation, **fields)
    await gate.caught_up()


async def counted(gate: Gate, direction: str, result: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{gate.ops_port}/metrics")).text
    name = f'framegate_messages_checked_total{{api="/echo/1.0",direction="{direction}",result="{result}"}} '
    return next((float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)), 0.0)


@both
async def test_close_ends_both_sides(gate: Gate, backend: Backend, compression: str | None) -> None:
    await check(gate, backend, make_validation("close"))
    async with gate.connect(compression=compression) as client:
        await client.send(GOOD)
        assert await client.recv() == GOOD
        await client.send(BAD)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1007, "invalid_message")
    await backend.handshakes[0].wait_closed()
    assert backend.handshakes[0].close_code == 1001
    assert backend.messages == [GOOD]
    assert await counted(gate, "publish", "valid") == 1
    assert await counted(gate, "publish", "invalid") == 1
    await eventually(lambda: len(gate.pod.registry) == 0)


@both
async def test_drop_leaves_out_what_is_invalid(gate: Gate, backend: Backend, compression: str | None) -> None:
    await check(gate, backend, make_validation("drop"))
    async with gate.connect(compression=compression) as client:
        for message in (GOOD, BAD, ["{", "}"], GOOD):
            await client.send(message)
        answers = [str(await client.recv()) for _ in range(3)]
    notice = next(json.loads(answer) for answer in answers if "framegate" in answer)
    assert notice == {"framegate": "invalid_message", "direction": "publish", "dropped": 2}
    assert backend.messages == [GOOD, GOOD]


async def test_no_notice_where_a_subprotocol_was_agreed(gate: Gate, backend: Backend) -> None:
    await check(gate, backend, make_validation("drop"))
    async with gate.connect(subprotocols=[Subprotocol("chat")]) as client:
        await client.send(BAD)
        await client.send(GOOD)
        assert await client.recv() == GOOD
        relay = gate.pod.registry.all()[0].relay
        assert isinstance(relay.client.sink, MessageGate)
        assert relay.client.sink.dropped == 1
        assert not relay.notices


@both
async def test_report_lets_pass(gate: Gate, backend: Backend, compression: str | None) -> None:
    await check(gate, backend, make_validation("report", "report"))
    async with gate.connect(compression=compression) as client:
        for message in (GOOD, BAD):
            await client.send(message)
            assert await client.recv() == message
    for direction in ("publish", "subscribe"):
        assert await counted(gate, direction, "invalid") == 1


@both
async def test_a_backend_is_held_to_it_too(gate: Gate, backend: Backend, compression: str | None) -> None:
    await check(gate, backend, make_validation("off", "close"))
    async with gate.connect(compression=compression) as client:
        await client.send(BAD)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (1011, "upstream_invalid_message")
    await backend.handshakes[0].wait_closed()
    assert (backend.handshakes[0].close_code, backend.handshakes[0].close_reason) == (1007, "invalid_message")


async def test_each_path_has_messages_of_its_own(gate: Gate, backend: Backend) -> None:
    validation = Validation(
        publish="close",
        schemas=(make_schema({"const": 1}), make_schema({"const": 2})),
        channels=(ChannelMessages(path="/one", publish=(0,)), ChannelMessages(path="/two", publish=(1,))),
    )
    paths = ({"path": "/two", "backend_path": "/elsewhere"},)
    await check(gate, backend, validation, paths=paths)
    for path, message in {"/one": "1", "/two": "2"}.items():
        async with gate.connect(f"/echo/1.0{path}") as client:
            await client.send(message)
            assert await client.recv() == message


@pytest.mark.parametrize("action", ["report", "close", "drop"])
async def test_an_api_whose_checks_can_not_be_read_is_not_served(
    gate: Gate, backend: Backend, action: OnInvalid
) -> None:
    await check(gate, backend, make_validation(action, schema={"type": 7}))
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Authorization": f"Bearer {gate.world.issuer.token()}",
        }
        answer = await client.get(f"http://127.0.0.1:{gate.port}/echo/1.0", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not_ready")
    await check(gate, backend, make_validation("off"))
    async with gate.connect():
        pass
