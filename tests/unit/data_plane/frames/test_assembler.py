"""Frames put together to messages, wherever the stream was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.frames.assembler import Assembler, Whole
from services.data_plane.frames.scanner import UNLIMITED, Scanner
from tests.support.frames import MASK, client_frame, frame


def cut(data: bytes, places: set[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]


def assemble(pieces: list[bytes], *, masked: bool) -> list[Whole]:
    """Feed what a scanner lets pass, as a pump does."""
    scanner, assembler, held = Scanner(masked=masked, deflate=True), Assembler(), b""
    found: list[Whole] = []
    for piece in pieces:
        data = held + piece
        end = scanner.scan(data, 0, UNLIMITED)
        found += assembler.feed(data[:end])
        held = data[end:]
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [None, MASK])
def test_a_frame_of_any_length_is_a_message(size: int, mask: bytes | None) -> None:
    payload = bytes(index & 0xFF for index in range(size))
    raw = frame(2, payload, mask=mask)
    assert list(Assembler().feed(raw)) == [Whole(2, raw, payload)]


def test_fragments_are_one_message_and_a_ping_among_them_does_not_wait() -> None:
    first, ping, last = client_frame(1, b"he", fin=False, rsv=4), client_frame(9, b"?"), client_frame(0, b"llo")
    assembler = Assembler()
    assert list(assembler.feed(first + ping)) == [Whole(9, ping)]
    assert list(assembler.feed(last)) == [Whole(1, first + last, b"hello", compressed=True)]


FRAMES = st.lists(
    st.one_of(
        st.binary(max_size=300).map(lambda payload: [(1, payload, True)]),
        st.binary(max_size=20).map(lambda payload: [(9, payload, True)]),
        st.lists(st.binary(max_size=200), min_size=2, max_size=4).map(
            lambda parts: [(0 if index else 2, part, index == len(parts) - 1) for index, part in enumerate(parts)]
        ),
    ),
    max_size=6,
)


@given(FRAMES, st.sets(st.integers(0, 5000), max_size=12), st.booleans())
def test_any_cut_gives_the_same_messages(
    messages: list[list[tuple[int, bytes, bool]]], places: set[int], masked: bool
) -> None:
    mask = MASK if masked else None
    data = b"".join(frame(op, payload, fin=fin, mask=mask) for parts in messages for op, payload, fin in parts)
    whole = assemble([data] if data else [], masked=masked)
    assert assemble(cut(data, places), masked=masked) == whole
    assert b"".join(item.raw for item in whole) == data
    said = [b"".join(part[1] for part in parts) for parts in messages if parts[0][0] != 9]
    assert [item.payload for item in whole if item.opcode != 9] == said
