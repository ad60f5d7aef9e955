"""The sizes of messages, however the stream is cut, and wherever one begins to look."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.frames.scanner import UNLIMITED, Scanner
from services.data_plane.frames.sizes import MOST_AT_ONCE, UNBOUNDED, MessageSizes
from tests.support.frames import client_frame, frame

Message = list[bytes]
"""The payloads of its frames; of those in between, some are followed by a ping."""

PAYLOADS = st.one_of(st.binary(max_size=200), st.integers(120, 70_000).map(bytes))
MESSAGES = st.lists(st.lists(PAYLOADS, min_size=1, max_size=4), max_size=6)


def write(message: Message, *, masked: bool) -> bytes:
    """Return a message with a ping behind its first frame."""
    make = client_frame if masked else frame
    frames = [
        make(1 if index == 0 else 0, payload, fin=index == len(message) - 1) for index, payload in enumerate(message)
    ]
    return make(9, b"ping").join([frames[0], b"".join(frames[1:])])


def parts(stream: bytes, cuts: list[int]) -> list[bytes]:
    bounds = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[begin:end] for begin, end in pairwise(bounds)]


@given(MESSAGES, st.lists(st.integers(min_value=0), max_size=20), st.booleans())
def test_each_message_is_told_once_however_it_is_cut(messages: list[Message], cuts: list[int], masked: bool) -> None:
    sizes = MessageSizes(masked=masked)
    stream = b"".join(write(message, masked=masked) for message in messages)
    found = [told for part in parts(stream, cuts) for told in sizes.feed(part)]
    assert found == [(sum(map(len, message)), len(message)) for message in messages]


@given(MESSAGES, st.integers(min_value=0))
def test_one_who_comes_later_tells_of_whole_messages_alone(messages: list[Message], at: int) -> None:
    stream = b"".join(write(message, masked=True) for message in messages)
    cut = at % (len(stream) + 1)
    scanner = Scanner(masked=True)
    done = scanner.scan(stream[:cut], 0, UNLIMITED)
    sizes = MessageSizes(masked=True, remaining=scanner.remaining, in_message=scanner.in_message)
    sizes.feed(stream[done:cut], UNBOUNDED)
    seen = [told for part in parts(stream[cut:], [7, 70]) for told in sizes.feed(part)]
    expected = [(sum(map(len, message)), len(message)) for message in messages]
    assert seen == expected[len(expected) - len(seen) :]
    assert len(seen) >= len(messages) - scanner.messages


def test_a_flood_in_one_read_is_given_up() -> None:
    sizes = MessageSizes(masked=True)
    flood = client_frame(1, b"x") * (MOST_AT_ONCE + 1)
    assert sizes.feed(flood) == [(1, 1)] * MOST_AT_ONCE
    assert sizes.behind
