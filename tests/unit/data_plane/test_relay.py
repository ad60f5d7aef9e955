"""The relay as a dialogue: who says what, and what the other side hears."""

import asyncio

import pytest

from services.data_plane import pump, relay
from services.data_plane.frames.close import unmask
from shared.definition import MessageSizes
from tests.support.frames import client_frame, close_payload, frame
from tests.support.playbook import Playbook
from tests.support.waiting import eventually

HELLO = client_frame(1, b"hello")
WORLD = frame(1, b"world")

both = pytest.mark.parametrize("decoding", [False, True], ids=["passthrough", "decoding"])


def read_masked_close(data: bytes) -> bytes:
    """Return the payload of a Close that the gateway wrote to a backend, whatever its mask."""
    assert data[0] == 0x88
    assert data[1] & 0x80, "a client masks its frames"
    return unmask(data[6:], data[2:6])


@both
async def test_the_very_same_bytes_go_on_both_ways(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.client_says(HELLO).backend_hears(HELLO)
    book.backend_says(WORLD).client_hears(WORLD)


async def test_an_incomplete_header_is_held_and_its_payload_is_not() -> None:
    book = Playbook()
    message = client_frame(2, b"x" * 300)
    book.client_says(message[:3]).backend_hears(b"")
    book.client_says(message[3:100]).backend_hears(message[:100])
    book.client_says(message[100:]).backend_hears(message[100:])


@both
async def test_a_close_handshake_passes_and_both_connections_end(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    close, answer = client_frame(8, close_payload(4321, b"done")), frame(8, close_payload(4321, b"done"))
    book.client_says(close).backend_hears(close)
    assert not book.ended
    book.backend_says(answer).client_hears(answer)
    await book.settled()
    assert book.ended == [book.relay]
    assert (book.relay.cause, book.relay.close_code) == ("client_closed", 4321)
    assert not book.client_end.aborted


@both
async def test_the_backend_may_go_on_until_it_answers_a_close(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.client_says(client_frame(8, close_payload(1000)))
    book.backend_says(WORLD).client_hears(WORLD)


@both
async def test_nothing_of_a_client_follows_its_close(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    close = client_frame(8, close_payload(1000))
    book.client_says(close + HELLO).backend_hears(close)
    book.client_says(HELLO).backend_hears(b"")


@both
async def test_a_broken_frame_of_the_client_is_1002_to_it_and_1001_to_the_backend(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.client_says(HELLO + frame(1, b"unmasked"))
    assert book.backend_end.written.startswith(HELLO)
    assert read_masked_close(book.backend_end.take()[len(HELLO) :]) == close_payload(1001)
    book.client_hears(frame(8, close_payload(1002, b"protocol_error")))
    assert book.client_end.half_closed, "so that the client's own end comes, and no reset loses the Close"
    assert not book.client_end.closing


@both
async def test_a_broken_frame_of_the_backend_is_1002_to_it_and_1011_to_the_client(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.backend_says(client_frame(1, b"masked"))
    book.client_hears(frame(8, close_payload(1011, b"upstream_protocol_error")))
    assert read_masked_close(book.backend_end.take()) == close_payload(1002, b"protocol_error")


@both
async def test_a_message_over_its_limit_is_1009_to_its_sender_and_1001_to_the_peer(decoding: bool) -> None:
    book = Playbook(MessageSizes(publish=4, subscribe=4), decoding=decoding)
    book.client_says(HELLO)
    book.client_hears(frame(8, close_payload(1009, b"message_too_big")))
    assert read_masked_close(book.backend_end.take()) == close_payload(1001)
    other = Playbook(MessageSizes(publish=4, subscribe=4), decoding=decoding)
    other.backend_says(WORLD)
    other.client_hears(frame(8, close_payload(1001, b"peer_message_too_big")))
    assert read_masked_close(other.backend_end.take()) == close_payload(1009, b"message_too_big")


async def test_a_close_of_the_gateway_waits_for_the_end_of_a_frame() -> None:
    book = Playbook()
    message = frame(2, b"x" * 1000)
    book.backend_says(message[:500]).client_hears(message[:500])
    book.relay.close("draining")
    book.client_hears(b"")
    book.backend_says(message[500:] + WORLD)
    book.client_hears(message[500:] + frame(8, close_payload(1012, b"draining")))


@both
async def test_a_close_of_the_gateway_is_done_when_both_sides_answered(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.relay.close("draining")
    book.client_hears(frame(8, close_payload(1012, b"draining")))
    book.client_says(HELLO).client_says(client_frame(8, close_payload(1012)))
    book.backend_says(frame(8, close_payload(1001)))
    await book.settled()
    assert book.ended
    assert book.relay.cause == "draining"
    assert book.backend_end.take()[0] == 0x88, "the message behind the Close was not forwarded"


@both
async def test_what_comes_too_late_changes_nothing(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.relay.client.connection_lost(None)
    book.relay.backend.connection_lost(None)
    assert book.ended
    book.relay.close("draining")
    book.relay.abort()
    book.relay.on_dropped()
    for side in (book.relay.client, book.relay.backend):
        side.set_meter(None)
        side.stop_waiting()
    assert not book.relay.ping()
    assert (len(book.ended), book.relay.cause) == (1, "client_lost")


@both
async def test_a_lost_backend_is_1011_to_the_client(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.relay.backend.connection_lost(None)
    book.client_hears(frame(8, close_payload(1011, b"upstream_lost")))
    book.client_says(client_frame(8, close_payload(1011)))
    await book.settled()
    assert book.ended
    assert book.relay.cause == "upstream_lost"


async def test_a_backend_that_is_lost_within_a_frame_aborts_the_client() -> None:
    book = Playbook()
    book.backend_says(frame(2, b"x" * 100)[:50])
    book.relay.backend.connection_lost(None)
    await book.settled()
    assert book.client_end.aborted
    assert book.ended


@both
async def test_a_lost_client_is_1001_to_the_backend(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    book.relay.client.connection_lost(None)
    assert read_masked_close(book.backend_end.take()) == close_payload(1001)
    book.backend_says(WORLD).client_hears(b"")
    book.backend_says(frame(8, close_payload(1001)))
    await book.settled()
    assert book.ended
    assert (book.relay.cause, book.relay.close_code) == ("client_lost", 1006)


@both
@pytest.mark.parametrize("full", ["client", "backend"])
async def test_who_does_not_read_stops_the_other_from_being_read(full: str, decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    reader, writer = (
        (book.relay.client, book.backend_end) if full == "client" else (book.relay.backend, book.client_end)
    )
    reader.pause_writing()
    assert not writer.reading
    reader.resume_writing()
    assert writer.reading


@both
async def test_who_never_answers_a_close_is_dropped(monkeypatch: pytest.MonkeyPatch, decoding: bool) -> None:
    monkeypatch.setattr(relay, "BOUNDARY_SECONDS", 0.01)
    monkeypatch.setattr(relay, "CLOSE_SECONDS", 0.02)
    book = Playbook(decoding=decoding)
    book.relay.close("draining")
    await eventually(lambda: book.ended)
    assert book.client_end.aborted
    assert book.backend_end.aborted
    assert book.relay.cause == "draining"


async def test_who_can_not_be_told_close_within_a_frame_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BOUNDARY_SECONDS", 0.01)
    monkeypatch.setattr(relay, "CLOSE_SECONDS", 60)
    book = Playbook()
    book.backend_says(frame(2, b"x" * 1000)[:500])
    book.relay.close("draining")
    await eventually(lambda: book.ended)
    assert book.client_end.aborted
    book.client_hears(frame(2, b"x" * 1000)[:500])


@both
async def test_who_does_not_read_for_too_long_is_dropped(monkeypatch: pytest.MonkeyPatch, decoding: bool) -> None:
    monkeypatch.setattr(pump, "SLOW_SECONDS", 0.01)
    book = Playbook(decoding=decoding)
    book.relay.client.pause_writing()
    await eventually(lambda: book.ended)
    assert (book.relay.cause, book.relay.close_code) == ("slow_consumer", 4409)


@both
async def test_who_reads_again_in_time_is_not_dropped(monkeypatch: pytest.MonkeyPatch, decoding: bool) -> None:
    monkeypatch.setattr(pump, "SLOW_SECONDS", 0.05)
    book = Playbook(decoding=decoding)
    book.relay.client.pause_writing()
    book.relay.client.resume_writing()
    await asyncio.sleep(0.1)
    assert not book.ended


@both
async def test_a_backend_that_ends_behind_its_close_is_no_loss(decoding: bool) -> None:
    book = Playbook(decoding=decoding)
    close = frame(8, close_payload(1000))
    book.backend_says(close).client_hears(close)
    book.relay.backend.connection_lost(None)
    answer = client_frame(8, close_payload(1000))
    book.client_says(answer)
    await book.settled()
    assert book.ended
    assert (book.relay.cause, book.relay.close_code) == ("backend_closed", 1000)


async def test_what_goes_to_nobody_counts_as_nothing() -> None:
    """A client that goes on behind the gateway's Close is read, and not forwarded: so it isn't billed either."""
    book = Playbook()
    book.client_says(HELLO)
    book.relay.close("draining")
    partial = client_frame(2, b"x" * 300)
    book.client_says(HELLO * 3 + client_frame(1, b"", fin=False) + client_frame(0, b"end") + partial[:100])
    book.client_says(partial[100:])
    book.backend_says(WORLD)
    sent, received = book.relay.client.scanner, book.relay.backend.scanner
    assert (sent.messages, sent.arrived_bytes, sent.dropped) == (1, 5, 0)
    assert (received.messages, received.arrived_bytes) == (0, 0)
