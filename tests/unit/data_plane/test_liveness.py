"""Which connections end by the clock, and which are asked whether they still live."""

import math

from services.data_plane.frames.close import unmask
from services.data_plane.liveness import PONG_SECONDS, Liveness, Terms
from tests.support.frames import client_frame, close_payload, frame
from tests.support.playbook import Playbook

START = 1000.0


def watch(book: Playbook, **terms: float) -> Liveness:
    return Liveness(book.relay, Terms(**terms), START)


async def test_a_connection_ends_with_its_token() -> None:
    book = Playbook()
    liveness = watch(book)
    liveness.expire_at(START + 10)
    assert liveness.next_due(START) == START + 10
    assert liveness.check(START + 9) == START + 10
    book.client_hears(b"")
    assert liveness.check(START + 10) == math.inf
    book.client_hears(frame(8, close_payload(4401, b"token_expired")))


async def test_a_connection_ends_when_its_new_token_does() -> None:
    book = Playbook()
    liveness = watch(book)
    liveness.expire_at(START + 10)
    liveness.expire_at(START + 20)
    assert liveness.check(START + 10) == START + 20
    book.client_hears(b"")
    assert liveness.check(START + 20) == math.inf


async def test_an_old_connection_is_told_to_come_back() -> None:
    book = Playbook()
    assert watch(book, ages_at=START + 5).check(START + 5) == math.inf
    book.client_hears(frame(8, close_payload(4410, b"max_age_reached")))


async def test_an_idle_connection_ends_and_traffic_of_either_side_keeps_it() -> None:
    book = Playbook()
    liveness = watch(book, idle_seconds=8)
    assert liveness.check(START + 2) == START + 4
    book.backend_says(frame(1, b"x"))
    liveness.check(START + 4)
    book.client_says(client_frame(2, b"y" * 300)[:100])
    liveness.check(START + 6)
    book.client_says(client_frame(2, b"y" * 300)[100:])
    liveness.check(START + 8)
    book.client_end.take()
    assert liveness.check(START + 15.9) < math.inf
    book.client_hears(b"")
    assert liveness.check(START + 16) == math.inf
    book.client_hears(frame(8, close_payload(4408, b"idle_timeout")))


def read_ping(book: Playbook) -> bytes:
    """Return the marker of a ping that the client got."""
    data = book.client_end.take()
    assert data[:2] == bytes((0x89, 8))
    return data[2:]


async def test_a_silent_client_is_pinged_and_its_pong_goes_no_further() -> None:
    book = Playbook()
    liveness = watch(book, ping_seconds=30)
    assert liveness.check(START + 30) == START + 30 + PONG_SECONDS
    marker = read_ping(book)
    book.client_says(client_frame(10, marker)).backend_hears(b"")
    assert liveness.check(START + 40) == START + 70
    book.client_hears(b"")


async def test_a_client_that_talks_is_not_pinged() -> None:
    book = Playbook()
    liveness = watch(book, ping_seconds=30)
    book.client_says(client_frame(1, b"x"))
    liveness.check(START + 30)
    book.client_hears(b"")


async def test_a_client_that_does_not_answer_is_given_up() -> None:
    book = Playbook()
    liveness = watch(book, ping_seconds=30)
    liveness.check(START + 30)
    read_ping(book)
    assert liveness.check(START + 49) < math.inf
    assert liveness.check(START + 50) == math.inf
    book.client_hears(frame(8, close_payload(4408, b"ping_timeout")))
    close = book.backend_end.take()
    assert unmask(close[6:], close[2:6]) == close_payload(1001)


async def test_the_deadline_stands_still_while_the_client_is_not_read() -> None:
    book = Playbook()
    liveness = watch(book, ping_seconds=30)
    liveness.check(START + 30)
    read_ping(book)
    book.relay.backend.pause_writing()  # the backend takes no more: the client waits
    assert liveness.check(START + 60) < math.inf
    book.relay.backend.resume_writing()
    assert liveness.check(START + 79) < math.inf
    assert liveness.check(START + 80) == math.inf


async def test_no_ping_while_one_of_the_backend_is_open_or_a_frame_is_under_way() -> None:
    book = Playbook()
    liveness = watch(book, ping_seconds=30)
    ping = frame(9, b"backend's")
    book.backend_says(ping).client_hears(ping)
    liveness.check(START + 30)
    book.client_hears(b"")
    pong = client_frame(10, b"backend's")
    book.client_says(pong).backend_hears(pong)
    liveness.check(START + 31)
    book.backend_says(frame(2, b"x" * 100)[:50]).client_hears(frame(2, b"x" * 100)[:50])
    liveness.check(START + 61)
    book.client_hears(b"")
    book.backend_says(frame(2, b"x" * 100)[50:]).client_hears(frame(2, b"x" * 100)[50:])
    liveness.check(START + 62)
    read_ping(book)


async def test_a_client_that_half_closes_behind_its_close_still_hears_the_answer() -> None:
    book = Playbook()
    assert book.relay.client.eof_received() is False
    close = client_frame(8, close_payload(1000))
    book.client_says(close).backend_hears(close)
    assert book.relay.client.eof_received() is True
    answer = frame(8, close_payload(1000))
    book.backend_says(answer).client_hears(answer)
    await book.settled()
    assert book.ended
