"""How far a direction's bytes may be forwarded: the rules of RFC 6455, by hand, by property and by an oracle."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection
from wsproto.utilities import RemoteProtocolError

from services.data_plane.frames.scanner import MAX_FRAGMENTS, UNLIMITED, Scanner, Stop, exponent_of
from tests.support.frames import MASK, client_frame, close_payload, frame


class Forwarded:
    """Feeds a scanner as the relay does, and collects what may go on."""

    def __init__(self, scanner: Scanner, *, allowance: int = UNLIMITED, drop: int = 0) -> None:
        self.scanner = scanner
        self.bytes = b""
        self.largest_held = 0
        self._held = b""
        self._allowance = allowance
        self._drop = drop

    def feed(self, data: bytes) -> Stop:
        data = self._held + data
        start = 0
        while start < len(data):
            before = self.scanner.messages
            end = self.scanner.scan(data, start, self._allowance, self._drop)
            self._allowance -= self.scanner.messages - before
            if self.scanner.forward:
                self.bytes += data[start:end]
            start = end
            if self.scanner.stop is Stop.CLOSE:
                self.bytes += data[start : self.scanner.close_end]
                return Stop.CLOSE
            if self.scanner.stop is not Stop.TURN:
                break
        self._held = data[start:]
        if self.scanner.stop is Stop.NEED:
            self.largest_held = max(self.largest_held, len(self._held))
        return self.scanner.stop


def from_client(**options: int) -> Scanner:
    return Scanner(masked=True, max_message_bytes=options.get("max_message_bytes", 0))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
@pytest.mark.parametrize("masked", [True, False])
def test_every_length_form_passes(size: int, masked: bool) -> None:
    data = frame(2, b"x" * size, mask=MASK if masked else None)
    forwarded = Forwarded(Scanner(masked=masked))
    assert forwarded.feed(data) is Stop.NEED
    assert forwarded.bytes == data
    assert (forwarded.scanner.messages, forwarded.scanner.payload_bytes) == (1, size)
    assert forwarded.scanner.between_messages


BROKEN = {
    "unmasked from a client": (True, frame(1, b"hi")),
    "masked from a server": (False, client_frame(1, b"hi")),
    "masked from a server, 300 bytes": (False, client_frame(1, b"x" * 300)),
    "masked from a server, 70,000 bytes": (False, client_frame(1, b"x" * 70_000)),
    "a reserved bit": (True, client_frame(1, b"hi", rsv=2)),
    "RSV1 without deflate": (True, client_frame(1, b"hi", rsv=4)),
    "reserved opcode 3": (True, client_frame(3)),
    "reserved opcode 7": (True, client_frame(7)),
    "reserved opcode 11": (True, client_frame(11)),
    "a fragmented ping": (True, client_frame(9, fin=False)),
    "a ping of 126 bytes": (True, client_frame(9, b"x" * 126)),
    "a continuation of nothing": (True, client_frame(0, b"x")),
    "a message inside a message": (True, client_frame(1, b"x", fin=False) + client_frame(1, b"y")),
    "16 bits for 5 bytes": (False, b"\x82\x7e\x00\x05hello"),
    "64 bits for 5 bytes": (False, b"\x82\x7f" + (5).to_bytes(8) + b"hello"),
    "a length of 2^63": (False, b"\x82\x7f" + (1 << 63).to_bytes(8)),
    "a close of one byte": (True, client_frame(8, b"x")),
    "close code 1005": (True, client_frame(8, close_payload(1005))),
    "close code 1006": (True, client_frame(8, close_payload(1006))),
    "close code 1015": (True, client_frame(8, close_payload(1015))),
    "close code 999": (True, client_frame(8, close_payload(999))),
    "close code 5000": (True, client_frame(8, close_payload(5000))),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_rule_is_1002_and_nothing_of_the_frame_goes_on(case: str) -> None:
    masked, data = BROKEN[case]
    forwarded = Forwarded(Scanner(masked=masked))
    good = frame(2, b"good", mask=MASK if masked else None)
    assert forwarded.feed(good + data) is Stop.ERROR
    assert forwarded.scanner.error.code == 1002
    assert forwarded.bytes.startswith(good)
    assert forwarded.scanner.at_boundary


def test_a_close_reason_that_is_not_utf8_is_1007() -> None:
    forwarded = Forwarded(from_client())
    assert forwarded.feed(client_frame(8, close_payload(1000, b"\xff"))) is Stop.ERROR
    assert forwarded.scanner.error.code == 1007


def test_rsv1_may_stand_on_first_frames_only_where_deflate_was_agreed() -> None:
    scanner = Scanner(masked=True, deflate=True)
    forwarded = Forwarded(scanner)
    assert forwarded.feed(client_frame(1, b"x", rsv=4, fin=False)) is Stop.NEED
    assert forwarded.feed(client_frame(0, b"y", rsv=4)) is Stop.ERROR


@pytest.mark.parametrize("size", [100, 126, 70_000])
def test_a_message_over_its_limit_is_refused_by_its_header(size: int) -> None:
    forwarded = Forwarded(from_client(max_message_bytes=size - 1))
    header_only = client_frame(2, b"x" * size)[:14]
    assert forwarded.feed(header_only) is Stop.ERROR
    assert forwarded.scanner.error.code == 1009
    assert forwarded.bytes == b""


def test_the_limit_counts_all_fragments() -> None:
    forwarded = Forwarded(from_client(max_message_bytes=10))
    first = client_frame(2, b"123456", fin=False)
    assert forwarded.feed(first) is Stop.NEED
    assert forwarded.feed(client_frame(0, b"78901")) is Stop.ERROR
    assert forwarded.bytes == first


def test_a_close_says_its_code_and_reason() -> None:
    forwarded = Forwarded(from_client())
    data = client_frame(8, close_payload(4001, "grüß".encode()))
    assert forwarded.feed(data[:-1]) is Stop.NEED
    assert forwarded.bytes == b""
    assert forwarded.feed(data[-1:]) is Stop.CLOSE
    assert (forwarded.scanner.close.code, forwarded.scanner.close.reason) == (4001, "grüß")


def test_the_allowance_counts_messages_not_frames() -> None:
    forwarded = Forwarded(from_client(), allowance=1)
    message = client_frame(1, b"a", fin=False) + client_frame(9, b"ping") + client_frame(0, b"b")
    assert forwarded.feed(message + client_frame(1, b"c")) is Stop.SPENT
    assert forwarded.bytes == message


def test_a_frame_passes_only_if_all_its_bytes_are_allowed() -> None:
    scanner = from_client()
    data = client_frame(1, b"x" * 300) + client_frame(1, b"y" * 100, fin=False) + client_frame(0, b"z" * 100)
    first = len(client_frame(1, b"x" * 300))
    assert scanner.scan(data, 0, UNLIMITED, 0, 299) == 0
    assert (scanner.stop, scanner.needed) == (Stop.SPENT, 300)
    assert scanner.scan(data, 0, UNLIMITED, 0, 450) == first + len(client_frame(1, b"y" * 100))
    assert (scanner.stop, scanner.needed, scanner.in_message) == (Stop.SPENT, 100, True)


def test_of_what_has_too_many_bytes_no_more_is_dropped_than_was_said() -> None:
    scanner = from_client()
    long, short = client_frame(1, b"x" * 300), client_frame(1, b"y" * 5)
    data = long + short + long
    end = scanner.scan(data, 0, UNLIMITED, 1, 10)
    assert (end, scanner.forward, scanner.stop) == (len(long), False, Stop.TURN)
    end = scanner.scan(data, end, UNLIMITED, 0, 10)
    assert (end, scanner.forward, scanner.stop) == (len(long + short), True, Stop.SPENT)
    assert (scanner.messages, scanner.dropped, scanner.payload_bytes, scanner.dropped_bytes) == (1, 1, 305, 300)


def test_pings_beyond_their_credit_wait_and_a_close_does_not() -> None:
    scanner = from_client()
    scanner.control_credit = 2
    ping = client_frame(9, b"")
    assert scanner.scan(ping * 3, 0, UNLIMITED) == 2 * len(ping)
    assert scanner.stop is Stop.FLOOD
    assert scanner.scan(client_frame(8, b""), 0, UNLIMITED) == 0
    assert scanner.close_end


def test_control_frames_pass_without_allowance() -> None:
    forwarded = Forwarded(from_client(), allowance=0)
    assert forwarded.feed(client_frame(9, b"a") + client_frame(10, b"b")) is Stop.NEED
    assert forwarded.bytes == client_frame(9, b"a") + client_frame(10, b"b")


def test_whole_messages_are_dropped_and_the_control_frames_between_their_fragments_are_not() -> None:
    ping = client_frame(9, b"p")
    dropped = (client_frame(1, b"a" * 300, fin=False), client_frame(0, b"b"))
    forwarded = Forwarded(from_client(), allowance=1, drop=UNLIMITED)
    for part in (client_frame(2, b"kept"), dropped[0][:50], dropped[0][50:], ping, dropped[1], client_frame(2, b"too")):
        assert forwarded.feed(part) is Stop.NEED
    assert forwarded.bytes == client_frame(2, b"kept") + ping
    assert (forwarded.scanner.messages, forwarded.scanner.dropped) == (1, 2)


# Properties

payloads = st.binary(max_size=300)


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Return whole, well-formed frames of a client."""

    def parts() -> Iterator[bytes]:
        for pieces in draw(st.lists(st.lists(payloads, min_size=1, max_size=3), max_size=5)):
            for index, piece in enumerate(pieces):
                last = index == len(pieces) - 1
                yield client_frame(0 if index else 2, piece, fin=last)
                if draw(st.booleans()):
                    yield client_frame(9, b"ping")

    return b"".join(parts())


@given(conversations(), st.lists(st.integers(0, 2000)))
def test_where_the_stream_is_cut_does_not_matter(data: bytes, cuts: list[int]) -> None:
    whole, parts = Forwarded(from_client()), Forwarded(from_client())
    whole.feed(data)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        assert parts.feed(data[start:end]) is Stop.NEED
    assert parts.bytes == whole.bytes == data
    assert parts.scanner.messages == whole.scanner.messages
    assert parts.largest_held <= 13


@given(conversations(), st.integers(0, 6), st.lists(st.integers(0, 2000)))
def test_dropping_forwards_the_allowed_messages_whole(data: bytes, allowance: int, cuts: list[int]) -> None:
    whole, parts = (
        Forwarded(from_client(), allowance=allowance, drop=UNLIMITED),
        Forwarded(from_client(), allowance=allowance, drop=UNLIMITED),
    )
    whole.feed(data)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        parts.feed(data[start:end])
    assert parts.bytes == whole.bytes
    checked = Forwarded(from_client())
    assert checked.feed(whole.bytes) is Stop.NEED
    assert checked.scanner.messages == min(allowance, whole.scanner.messages + whole.scanner.dropped)
    assert checked.scanner.between_messages


def oracle_accepts(data: bytes) -> bool:
    """Ask wsproto, which also reads payloads: those here are never text."""
    connection = Connection(ConnectionType.SERVER)
    try:
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, CloseConnection):
                return event.code != 1002
    except RemoteProtocolError:
        return False
    return True


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return frames with a byte of some header changed; no text frames, whose payload is not ours to check."""
    frames = draw(st.lists(st.binary(max_size=130), min_size=1, max_size=3))
    data = bytearray(b"".join(client_frame(2, payload) for payload in frames))
    data[draw(st.integers(0, min(1, len(data) - 1)))] = draw(st.integers(0, 255))
    return bytes(data)


@given(damaged())
@example(b"\x82\x7f\x01\x02\x03\x04")
def test_wsproto_agrees_on_what_is_broken(data: bytes) -> None:
    if data[0] & 0x0F in (0x1, 0x8) or data[0] & 0x7F == 0x01:
        return
    forwarded = Forwarded(from_client())
    if forwarded.feed(data) is Stop.ERROR:
        # wsproto waits for a whole header, of which two bytes may say enough; where none is cut off, pings are fine.
        assert not oracle_accepts(data) or not oracle_accepts(data + 3 * client_frame(9))
    else:
        assert oracle_accepts(data)


def test_the_pong_of_the_gateways_own_ping_goes_no_further_and_others_do() -> None:
    scanner = from_client()
    scanner.awaited_pong = b"marker"
    forwarded = Forwarded(scanner)
    other, own = client_frame(10, b"other"), client_frame(10, b"marker")
    for part in (client_frame(1, b"a"), other, own[:9], own[9:], client_frame(1, b"b"), client_frame(10, b"marker")):
        assert forwarded.feed(part) is Stop.NEED
    assert forwarded.bytes == client_frame(1, b"a") + other + client_frame(1, b"b") + client_frame(10, b"marker")
    assert scanner.pongs == 2


def test_a_message_of_endless_fragments_is_refused() -> None:
    forwarded = Forwarded(from_client())
    assert forwarded.feed(client_frame(1, fin=False)) is Stop.NEED
    assert forwarded.feed(client_frame(0, fin=False) * MAX_FRAGMENTS) is Stop.ERROR
    assert forwarded.scanner.error.code == 1009


@pytest.mark.parametrize("masked", [True, False])
@given(sizes=st.lists(st.integers(0, 300) | st.sampled_from([65_535, 65_536, 131_072]), max_size=12))
def test_messages_are_counted_by_the_power_of_two_that_their_size_is_up_to(masked: bool, sizes: list[int]) -> None:
    scanner = Scanner(masked=masked)
    for size in sizes:
        data = frame(2, b"x" * size, mask=MASK if masked else None)
        if scanner.find_whole(data):  # as a pump does
            scanner.count_whole()
        else:
            scanner.scan(data, 0, UNLIMITED)
    assert scanner.sizes == Counter(exponent_of(size) for size in sizes)


def test_exponents() -> None:
    assert [exponent_of(size) for size in (0, 1, 2, 3, 4, 5, 128, 129, 1 << 40)] == [0, 0, 1, 2, 2, 3, 7, 8, 40]


def test_a_message_in_fragments_has_one_size_and_a_dropped_one_none() -> None:
    scanner = Scanner(masked=False)
    fragments = frame(2, b"x" * 100, fin=False) + frame(9, b"?") + frame(0, b"x" * 100, fin=False) + frame(0, b"x" * 57)
    Forwarded(scanner).feed(fragments)
    assert scanner.sizes == {9: 1}
    assert scanner.frames == 4
    Forwarded(scanner, allowance=0, drop=1).feed(frame(2, b"x"))
    assert scanner.sizes == {9: 1}


def test_messages_that_come_in_one_read_count_with_their_mean() -> None:
    scanner = Scanner(masked=False)
    assert scanner.find_whole(frame(2, b"x" * 100) + frame(2, b"x" * 2)) == 2
    scanner.count_whole()
    assert scanner.sizes == {exponent_of(51): 2}
