"""A backend that is none: what it says, and that it waits for who doesn't read."""

import asyncio
from collections.abc import Callable

import pytest

from services.data_plane import mock as mock_module
from services.data_plane.inspection import ReadSchema, read_schema
from services.data_plane.mock import HIGH_WATER_BYTES, MAX_MESSAGE_BYTES, MockBook, MockTransport, Script
from services.data_plane.refusal import RefusedError
from shared.definition import Mock, MockChannel, MockOperation
from shared.validation import MessageSchema
from tests.support.frames import client_frame, close_payload, frame
from tests.support.schemas import CHAT, make_schema
from tests.support.waiting import eventually

ANY = Script(None, ((None, ("one", "two")),))


class Relay(asyncio.Protocol):
    """Hears what a mock says."""

    def __init__(self) -> None:
        self.heard = b""
        self.full = False
        self.lost = False
        self.on_data: Callable[[], None] = lambda: None

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.on_data()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False

    def connection_lost(self, exc: Exception | None) -> None:
        assert exc is None
        self.lost = True


async def connect(script: Script = ANY, *, reading: bool = True) -> tuple[MockTransport, Relay]:
    transport, relay = MockTransport(asyncio.get_running_loop(), script), Relay()
    transport.set_protocol(relay)
    if reading:
        transport.resume_reading()
    return transport, relay


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_who_hung_up_is_told_nothing_more() -> None:
    transport, relay = await connect(Script(None, ((None, ("x" * HIGH_WATER_BYTES,)),)), reading=False)
    transport.write(client_frame(1, b"a"))
    await settle()
    assert relay.full
    relay.on_data = transport.close
    transport.resume_reading()
    await settle()
    assert relay.lost
    assert relay.full, "nobody is left to go on"


async def test_examples_are_said_in_turn_a_fragmented_message_is_one() -> None:
    transport, relay = await connect()
    transport.write(client_frame(1, b"a") + client_frame(1, b"b", fin=False))
    transport.write(client_frame(0, b"c"))
    transport.write(client_frame(2, b"d"))
    await settle()
    assert relay.heard == frame(1, b"one") + frame(1, b"two") + frame(1, b"one")


async def test_only_what_an_operation_takes_is_answered() -> None:
    mock = Mock(
        key_types=("SANDBOX",),
        schemas=(make_schema(CHAT), make_schema({"const": 1})),
        channels=(
            MockChannel(
                operations=(
                    MockOperation(schemas=(0,), answers=("said",)),
                    MockOperation(schemas=(1,), answers=("one",)),
                )
            ),
        ),
    )
    transport, relay = await connect(MockBook().find(mock, "/anything"))
    for message in (b"1", b"2", b'{"say":"x"}', b'{"say":1}', b"no JSON"):
        transport.write(client_frame(1, message))
    await settle()
    assert relay.heard == frame(1, b"one") + frame(1, b"said")


def test_each_path_has_a_script_of_its_own() -> None:
    some, rest = MockChannel(path="/rooms/{id}", greeting="in a room"), MockChannel(greeting="anywhere")
    book, mock = MockBook(), Mock(key_types=("SANDBOX",), channels=(some, rest))
    assert book.find(mock, "/rooms/7").greeting == "in a room"
    assert book.find(mock, "/other").greeting == "anywhere"
    only = Mock(key_types=("SANDBOX",), channels=(some,))
    assert book.find(only, "/other") == Script(None, ())


def test_a_schema_is_read_once_for_all_operations_and_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[MessageSchema] = []

    def count(schema: MessageSchema) -> ReadSchema:
        read.append(schema)
        return read_schema(schema)

    monkeypatch.setattr(mock_module, "read_schema", count)
    operations = (MockOperation(schemas=(0, 1), answers=("x",)),) * 5
    schemas = (make_schema(CHAT), make_schema({"const": 1}))
    channels = (MockChannel(path="/a", operations=operations), MockChannel(operations=operations))
    script = MockBook().find(Mock(key_types=("SANDBOX",), schemas=schemas, channels=channels), "/a")
    assert len(script.operations) == 5
    assert read == list(schemas)


def test_what_can_not_be_read_answers_nothing() -> None:
    operation = MockOperation(schemas=(0,), answers=("x",))
    mock = Mock(
        key_types=("SANDBOX",),
        schemas=(make_schema({"type": 7}),),
        channels=(MockChannel(operations=(operation,)),),
    )
    with pytest.raises(RefusedError):
        MockBook().find(mock, "")


async def test_pings_and_closes_are_answered() -> None:
    transport, relay = await connect()
    transport.write(client_frame(9, b"?"))
    transport.write(client_frame(8, close_payload(4321, b"done")))
    await settle()
    assert relay.heard == frame(10, b"?") + frame(8, close_payload(4321, b"done"))
    assert relay.lost
    transport.write(client_frame(1, b"more"))
    await settle()
    assert relay.heard.endswith(b"done")


async def test_a_message_has_a_bound() -> None:
    transport, relay = await connect()
    transport.write(client_frame(2, b"x" * (MAX_MESSAGE_BYTES + 1)))
    await settle()
    assert relay.heard[0] == 0x88
    assert relay.heard[2:4] == (1009).to_bytes(2)


async def test_who_does_not_read_is_not_read_for_long() -> None:
    answer = "x" * 10_000
    transport, relay = await connect(Script(None, ((None, (answer,)),)), reading=False)
    count = HIGH_WATER_BYTES // 10_000 + 1
    for _ in range(count):
        transport.write(client_frame(1, b"a"))
    await settle()
    assert (relay.heard, relay.full) == (b"", True)
    transport.resume_reading()
    await settle()
    assert relay.heard == frame(1, answer.encode()) * count
    assert not relay.full
    transport.pause_reading()
    transport.write(client_frame(1, b"a"))
    await settle()
    assert relay.heard == frame(1, answer.encode()) * count


async def test_what_was_read_at_once_is_answered_bit_by_bit() -> None:
    answer = "x" * 16_384
    transport, relay = await connect(Script(None, ((None, (answer,)),)), reading=False)
    count = 100
    transport.write(client_frame(1, b"") * count)
    assert len(transport._waiting) < HIGH_WATER_BYTES + 2 * len(answer)
    await settle()
    assert relay.full
    transport.resume_reading()
    transport.resume_reading()
    for _ in range(2):
        before = len(relay.heard)
        await asyncio.sleep(0)
        assert len(relay.heard) - before < 2 * (HIGH_WATER_BYTES + 2 * len(answer))
    transport.pause_reading()
    some = len(relay.heard)
    await settle()
    assert len(relay.heard) == some
    assert relay.full
    transport.resume_reading()
    await eventually(lambda: not relay.full)
    assert relay.heard == frame(1, answer.encode()) * count


async def test_a_close_ends_what_is_behind() -> None:
    transport, relay = await connect(Script(None, ((None, ("x" * 16_384,)),)))
    close = client_frame(8, close_payload(1000))
    transport.write(client_frame(1, b"") * 100 + close + client_frame(1, b"") * 100)
    await eventually(lambda: relay.lost)
    assert relay.heard.endswith(frame(8, close_payload(1000)))


@pytest.mark.parametrize("end", ["close", "abort", "write_eof"])
async def test_it_ends_once(end: str) -> None:
    transport, relay = await connect()
    transport.set_write_buffer_limits(high=0)
    assert transport.can_write_eof()
    getattr(transport, end)()
    transport.close()
    assert transport.is_closing()
    await settle()
    assert relay.lost
    transport.write(client_frame(1, b"a"))
    await settle()
    assert relay.heard == b""
