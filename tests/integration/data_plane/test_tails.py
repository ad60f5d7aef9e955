"""What a pod tells those who watch its connections."""

import asyncio
import json
from typing import Any, cast

import pytest
from redis import Redis

from services.data_plane import tails
from services.data_plane.pump import Pump
from services.data_plane.tap import Tap
from shared import keys
from shared.connections import Selection, WatchConnections
from shared.tail import TailBatch, TailEvent
from tests.integration.data_plane.conftest import Gate
from tests.integration.data_plane.test_enquiries import ask, id_of, try_to_ask
from tests.integration.data_plane.test_refusals import refusal
from tests.support.frames import client_frame
from tests.support.waiting import eventually
from tests.support.wire import wire


async def watch(gate: Gate, id_: str = "one", sample: int = 1, **selection: Any) -> int:
    """Have it told, and return how many connections are watched from the start."""
    question = WatchConnections(id=id_, selection=Selection(**selection), sample=sample)
    return (await ask(gate.world, question)).matched


def batches(redis: Redis, id_: str = "one") -> list[TailBatch]:
    entries = cast("list[tuple[str, dict[str, str]]]", redis.xrange(keys.tail(id_)))
    return [TailBatch.model_validate_json(fields["batch"]) for _, fields in entries]


async def told(gate: Gate, count: int, id_: str = "one") -> list[TailEvent]:
    """Return the events once there are so many."""

    def events() -> list[TailEvent]:
        return [event for batch in batches(gate.world.redis, id_) for event in batch.events]

    await eventually(lambda: len(events()) >= count)
    return events()


def messages(events: list[TailEvent]) -> list[tuple[Any, ...]]:
    return [(event.direction, event.size, event.frames) for event in events if event.event == "message"]


async def test_what_opens_is_sent_refused_and_closes_is_told(gate: Gate) -> None:
    await watch(gate, api_id="api")
    async with gate.connect(compression=None) as client:
        await client.send("four")
        await client.recv()
        await client.send([b"in ", b"parts"])
        await client.recv()
    await refusal(gate, token=None)
    opened, *rest, closed, refused = await told(gate, 7)
    assert (opened.event, opened.connection, opened.application, opened.context) == (
        "opened",
        id_of(client),
        "app",
        "/echo",
    )
    assert messages(rest) == [("publish", 4, 1), ("subscribe", 4, 1), ("publish", 8, 3), ("subscribe", 8, 1)]
    assert (closed.event, closed.cause, closed.code) == ("closed", "client_closed", 1000)
    assert (closed.messages_published, closed.bytes_delivered) == (2, 12)
    assert (refused.event, refused.cause, refused.code) == ("refused", "credentials_required", 401)
    assert refused.application is None


async def test_connections_that_are_open_are_watched_from_their_next_message_on(gate: Gate) -> None:
    async with gate.connect(compression=None) as client:
        await client.send("before")
        await client.recv()
        assert await watch(gate, application="app") == 1
        await client.send("after")
        await client.recv()
        assert messages(await told(gate, 2)) == [("publish", 5, 1), ("subscribe", 5, 1)]


async def test_one_comes_into_the_middle_of_a_frame(gate: Gate) -> None:
    async with gate.connect(compression=None) as client:
        frame = client_frame(2, b"x" * 300)
        client.transport.write(frame[:100])
        (connection,) = gate.pod.registry.all()
        await eventually(lambda: connection.relay.client.scanner.messages == 1)
        await watch(gate)
        client.transport.write(frame[100:] + client_frame(1, b"next"))
        events = messages(await told(gate, 3))
    assert sorted(events) == [("publish", 4, 1), ("subscribe", 4, 1), ("subscribe", 300, 1)]


@pytest.mark.parametrize(
    "selection",
    [
        {"api_id": "another"},
        {"application_id": "another"},
        {"application_ids": frozenset()},
        {"application": "ap"},
        {"api_id": "api", "application_ids": frozenset({"another"})},
    ],
    ids=str,
)
async def test_nobody_is_told_of_others(gate: Gate, selection: dict[str, Any]) -> None:
    assert await watch(gate, **selection) == 0
    await watch(gate, "all")
    async with gate.connect() as client:
        await client.send("x")
        await client.recv()
    await refusal(gate, token=None)
    await refusal(gate, path="/nowhere")
    await told(gate, 6, "all")
    assert batches(gate.world.redis) == []


async def test_of_messages_one_in_so_many_is_told(gate: Gate) -> None:
    await watch(gate, sample=5)
    async with gate.connect() as client:
        for _ in range(10):
            await client.send("x")
            await client.recv()
    events = await told(gate, 6)
    assert [event.event for event in events] == ["opened", *["message"] * 4, "closed"]


async def test_a_flood_is_counted_and_left_out(gate: Gate) -> None:
    await watch(gate, api_id="api")
    async with gate.connect(compression=None) as client:
        client.transport.write(client_frame(1, b"x") * 2000)
        for _ in range(2000):
            await client.recv()
    events = await told(gate, 2)
    await eventually(lambda: batches(gate.world.redis)[-1].events[-1].event == "closed")
    last = batches(gate.world.redis)[-1]
    assert last.total == 4002, "all are counted"
    assert len(events) < 1000


async def test_it_ends_when_nobody_asks_again_and_costs_nothing_then(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "TAIL_SECONDS", 0.5)
    async with gate.connect() as client:
        await watch(gate)
        (connection,) = gate.pod.registry.all()
        relay, taps = connection.relay, gate.pod.tails._taps
        assert [type(transport.get_protocol()) for transport in (relay.client.source, relay.backend.source)] == [
            Tap,
            Tap,
        ]
        await eventually(lambda: not taps)
        assert [type(transport.get_protocol()) for transport in (relay.client.source, relay.backend.source)] == [
            Pump,
            Pump,
        ]
        await client.send("still")
        assert await client.recv() == "still"


async def test_it_goes_on_while_it_is_asked_for(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "TAIL_SECONDS", 1.0)
    async with gate.connect() as client:
        for _ in range(8):
            await watch(gate)
            await asyncio.sleep(0.25)  # what is tested is that time goes by
        await client.send("x")
        await client.recv()
        assert len(await told(gate, 2)) == 2


async def test_frames_pass_though_redis_takes_nothing(gate: Gate) -> None:
    redis = gate.world.redis
    async with gate.connect() as client:
        await watch(gate)
        redis.config_set("maxmemory", 1)
        redis.config_set("maxmemory-policy", "noeviction")
        try:
            for _ in range(5):
                await client.send("x")
                assert await client.recv() == "x"
            await gate.pod.tails.flush()
        finally:
            redis.config_set("maxmemory", 0)
        await client.send("x")
        await client.recv()
        await told(gate, 2)
    assert batches(redis)[0].total == 12, "those that are missing are counted"


async def test_what_is_sent_and_who_sends_it_is_never_told(gate: Gate) -> None:
    await watch(gate)
    token = gate.world.issuer.token()
    async with gate.connect("/echo/1.0/hidden?also=hidden", token, {"X-Hidden": "hidden"}) as client:
        await client.send("hidden")
        await client.recv()
        await client.close(1000, "hidden")
    await told(gate, 4)
    text = json.dumps([batch.model_dump() for batch in batches(gate.world.redis)])
    assert "hidden" not in text
    assert token not in text


async def test_no_more_are_watched_than_there_is_room_for(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MOST_TAILS", 1)
    monkeypatch.setattr(tails, "MOST_TAPPED", 1)
    async with gate.connect() as first, gate.connect() as second:
        assert await watch(gate) == 2
        question = WatchConnections(id="two", selection=Selection(), sample=1)
        assert await try_to_ask(gate.world, question, 0.5) is None, "it counts as unanswered"
        assert await watch(gate) == 0, "what is watched goes on"
        assert len(gate.pod.tails._taps) == 1
        for client in (first, second):
            await client.send("x")
            await client.recv()


async def test_a_tap_leaves_the_relay_as_it_is(gate: Gate) -> None:
    """What a raw client breaks is closed as ever."""
    await watch(gate)
    async with wire(gate.port) as client:
        client.send(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.head()).status in (400, 404, 426)
    async with gate.connect() as client_:
        client_.transport.write(b"\xff\xff\xff\xff")
        await asyncio.wait_for(client_.wait_closed(), 5)
        assert client_.close_code == 1002
