"""What becomes of messages that are none that the API allows, as a dialogue."""

import asyncio
import json
from collections import Counter
from typing import Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message, TextMessage
from wsproto.extensions import PerMessageDeflate

from services.data_plane import relay
from services.data_plane.deflate import Agreement
from services.data_plane.frames.close import unmask
from services.data_plane.gate import Gate
from shared.definition import MessageSizes
from shared.validation import MAX_CHECKED_BYTES, OnInvalid
from tests.support.frames import client_frame, close_payload, frame
from tests.support.playbook import Playbook
from tests.support.schemas import make_checks
from tests.support.waiting import eventually
from tests.unit.data_plane.frames.test_assembler import cut
from tests.unit.data_plane.test_relay import read_masked_close

GOOD: Final = client_frame(1, b'{"say":"hello"}')
BAD: Final = client_frame(1, b'{"say":7}')
TOLD: Final = frame(1, b'{"say":"hello"}')
WRONG: Final = frame(1, b'{"say":7}')


def strict(publish: OnInvalid, subscribe: OnInvalid = "off", agreement: Agreement | None = None) -> Playbook:
    return Playbook(checks=make_checks(publish, subscribe), agreement=agreement)


async def test_a_valid_message_goes_on_as_it_came() -> None:
    book = strict("close")
    parts = client_frame(1, b'{"say":', fin=False) + client_frame(9, b"?") + client_frame(0, b'"hello"}')
    book.client_says(GOOD + GOOD).backend_hears(GOOD + GOOD)
    ping = client_frame(9, b"?")
    whole = parts.replace(ping, b"")
    book.client_says(parts).backend_hears(ping + whole)
    assert book.counts == {("publish", "valid"): 3}


async def test_a_message_is_held_until_it_is_whole() -> None:
    book = strict("close")
    book.client_says(GOOD[:9]).backend_hears(b"")
    book.client_says(GOOD[9:]).backend_hears(GOOD)


async def test_close_is_1007_to_the_sender_and_1001_to_its_peer() -> None:
    book = strict("close")
    book.client_says(GOOD + BAD + GOOD)
    written = book.backend_end.take()
    assert written.startswith(GOOD)
    assert read_masked_close(written[len(GOOD) :]) == close_payload(1001)
    book.client_hears(frame(8, close_payload(1007, b"invalid_message")))
    book.client_says(GOOD).backend_hears(b"")
    book.client_says(client_frame(8, close_payload(1007)))
    book.backend_says(frame(8, close_payload(1001)))
    await book.settled()
    assert book.ended
    assert (book.relay.cause, book.relay.close_code) == ("invalid_message", 1007)
    assert book.counts == {("publish", "valid"): 1, ("publish", "invalid"): 1}


async def test_a_backend_hears_1007_and_its_client_1011() -> None:
    book = strict("off", "close")
    book.client_says(BAD).backend_hears(BAD)
    book.backend_says(TOLD + WRONG)
    book.client_hears(TOLD + frame(8, close_payload(1011, b"upstream_invalid_message")))
    assert read_masked_close(book.backend_end.take()) == close_payload(1007, b"invalid_message")


async def test_half_of_a_surrogate_pair_ends_one_connection_and_in_order() -> None:
    book = strict("close")
    book.client_says(client_frame(1, b'{"\\ud800":1}')).client_hears(frame(8, close_payload(1007, b"invalid_message")))


async def test_report_lets_pass_and_counts() -> None:
    book = strict("report", "report")
    book.client_says(BAD + GOOD).backend_hears(BAD + GOOD)
    book.backend_says(WRONG).client_hears(WRONG)
    assert book.counts == {("publish", "valid"): 1, ("publish", "invalid"): 1, ("subscribe", "invalid"): 1}


async def test_drop_leaves_out_and_tells_the_client_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "NOTICE_SECONDS", 0.01)
    book = strict("drop", "drop")
    book.client_says(BAD + GOOD + BAD).backend_hears(GOOD)
    book.backend_says(WRONG + TOLD).client_hears(TOLD)
    await eventually(lambda: book.client_end.written)
    notices = [
        {"framegate": "invalid_message", "direction": direction, "dropped": dropped}
        for direction, dropped in (("publish", 2), ("subscribe", 1))
    ]
    texts = [json.dumps(notice, separators=(",", ":")).encode() for notice in notices]
    book.client_hears(b"".join(frame(1, text) for text in texts))


async def test_drop_closes_where_the_next_message_would_refer_to_a_dropped_one() -> None:
    deflate = Agreement("permessage-deflate", publish_droppable=False, subscribe_droppable=True)
    book = strict("drop", agreement=deflate)
    book.client_says(BAD).client_hears(frame(8, close_payload(1007, b"invalid_message")))


async def test_the_inflated_size_is_what_counts() -> None:
    book = Playbook(MessageSizes(publish=100), checks=make_checks("report"), agreement=Agreement("permessage-deflate"))
    deflated = wsproto_client().send(TextMessage(data=json.dumps({"say": "x" * 200})))
    assert len(deflated) < 100
    book.client_says(deflated).client_hears(frame(8, close_payload(1009, b"message_too_big")))


async def test_what_is_checked_has_a_size_of_its_own() -> None:
    book = strict("report")
    book.client_says(client_frame(2, b"x" * (MAX_CHECKED_BYTES + 1)))
    book.client_hears(frame(8, close_payload(1009, b"message_too_big")))


async def test_a_frame_that_is_held_gives_way_to_a_close_when_its_sender_is_lost() -> None:
    book = strict("off", "close")
    book.backend_says(TOLD + frame(2, b"x" * 5)[:4])
    book.client_hears(TOLD)
    book.relay.backend.connection_lost(None)
    book.client_hears(frame(8, close_payload(1011, b"upstream_lost")))
    assert not book.client_end.aborted
    book.client_says(client_frame(8, close_payload(1011)))
    await book.settled()
    assert book.ended
    assert (book.relay.cause, book.relay.close_code) == ("upstream_lost", 1011)


async def test_a_frame_that_is_held_keeps_no_close_waiting() -> None:
    book = strict("close", "close")
    fragment = client_frame(1, b'{"say":', fin=False)
    rest = client_frame(0, b'"hello"}')
    book.client_says(fragment + rest[:9])
    book.backend_says(TOLD[:5])
    book.relay.close("draining")
    book.client_hears(frame(8, close_payload(1012, b"draining")))
    assert read_masked_close(book.backend_end.take()) == close_payload(1001)
    book.client_says(rest[9:] + client_frame(8, close_payload(1012)))
    book.backend_says(TOLD[5:] + frame(8, close_payload(1001)))
    await book.settled()
    assert book.ended
    assert (book.client_end.written, book.backend_end.written) == (b"", b"")
    assert not book.client_end.aborted
    assert not book.counts


async def test_a_direction_without_checks_still_ends_at_a_boundary() -> None:
    book = strict("close")
    book.backend_says(TOLD[:5]).client_hears(TOLD[:5])
    book.relay.close("draining")
    book.client_hears(b"")
    book.backend_says(TOLD[5:]).client_hears(TOLD[5:] + frame(8, close_payload(1012, b"draining")))
    book.relay.abort()
    await book.settled()


async def test_pings_and_notices_of_the_gateway_are_not_checked() -> None:
    book = strict("close", "close")
    assert book.relay.ping()
    ping = book.client_end.take()
    assert ping[0] == 0x89
    book.client_says(client_frame(10, ping[2:])).backend_hears(b"")
    assert not book.counts


async def test_a_gate_can_be_ended_like_any_sink() -> None:
    book = strict("close")
    gate = book.relay.client.sink
    assert isinstance(gate, Gate)
    assert gate.can_write_eof()
    gate.write_eof()
    gate.abort()
    assert book.backend_end.half_closed
    assert book.backend_end.aborted
    await book.settled()


Takeover = Literal["takeover", "none"]


def wsproto_client(takeover: Takeover = "takeover") -> Connection:
    """Return wsproto's own client, which compresses."""
    extension = PerMessageDeflate(client_no_context_takeover=takeover == "none")
    extension._enabled = True  # as the handshake, which is not wsproto's here, would have it
    return Connection(ConnectionType.CLIENT, [extension])


def wsproto_server(takeover: Takeover) -> Connection:
    extension = PerMessageDeflate(client_no_context_takeover=takeover == "none")
    extension._enabled = True
    return Connection(ConnectionType.SERVER, [extension])


def read_messages(connection: Connection, data: bytes) -> list[str]:
    connection.receive_data(data)
    return ["".join(event.data) for event in connection.events() if isinstance(event, Message)]


SAID = st.one_of(
    st.text(max_size=40).map(lambda text: json.dumps({"say": text})),
    st.text(max_size=40),
    st.sampled_from(['{"say":7}', "{}", '{"say":"again and again and again"}']),
)


def is_valid(message: str) -> bool:
    try:
        value = json.loads(message)
    except ValueError:
        return False
    return isinstance(value, dict) and isinstance(value.get("say"), str)


@given(
    st.lists(SAID, max_size=6),
    st.sets(st.integers(0, 2000), max_size=10),
    st.sampled_from(["takeover", "none"]),
    st.sampled_from(["report", "drop", "close"]),
)
def test_any_cut_gives_the_same_verdicts_and_wsproto_reads_what_goes_on(
    said: list[str], places: set[int], takeover: Takeover, action: OnInvalid
) -> None:
    if action == "drop":
        takeover = "none"

    async def run() -> tuple[bytes, Counter[tuple[str, str]]]:
        client = wsproto_client(takeover)
        stream = b"".join(client.send(TextMessage(data=message)) for message in said)
        agreement = Agreement("permessage-deflate", publish_droppable=takeover == "none")
        book = Playbook(checks=make_checks(action), agreement=agreement)
        for piece in cut(stream, places):
            book.client_says(piece)
        written = book.backend_end.take()
        book.relay.abort()
        await book.settled()
        return written, book.counts

    written, counts = asyncio.run(run())
    valid = [is_valid(message) for message in said]
    end = valid.index(False) if action == "close" and False in valid else len(said)
    passed = [message for message, good in zip(said[:end], valid, strict=False) if good or action == "report"]
    if end < len(said):
        close = written[-8:]
        assert close[0] == 0x88
        assert unmask(close[6:], close[2:6]) == close_payload(1001)
        written = written[:-8]
    assert read_messages(wsproto_server(takeover), written) == passed
    judged = valid[: end + 1]
    assert (counts["publish", "valid"], counts["publish", "invalid"]) == (judged.count(True), judged.count(False))
