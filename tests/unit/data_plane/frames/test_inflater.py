"""Compressed messages read within limits."""

import zlib

import pytest

from services.data_plane.frames import codes
from services.data_plane.frames.errors import FrameError
from services.data_plane.frames.inflater import ALWAYS_BYTES, MAX_RATIO, Inflater


class Deflater:
    """The sender's side."""

    def __init__(self) -> None:
        self._writer = zlib.compressobj(wbits=-15)

    def __call__(self, message: bytes) -> bytes:
        return (self._writer.compress(message) + self._writer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def code_of(answer: bytes | FrameError) -> int:
    assert isinstance(answer, FrameError)
    return answer.code


def test_messages_refer_to_those_before_with_context_takeover() -> None:
    inflater, deflate = Inflater(takeover=True, max_bytes=1000), Deflater()
    for message in (b"hello hello", b"hello hello", b"", b"and more hello"):
        assert inflater.inflate(deflate(message)) == message


def test_each_message_stands_alone_without() -> None:
    inflater = Inflater(takeover=False, max_bytes=1000)
    assert inflater.inflate(Deflater()(b"hello")) == b"hello"
    assert code_of(inflater.inflate(b"\xff\xff")) == codes.INVALID_PAYLOAD
    assert inflater.inflate(Deflater()(b"hello")) == b"hello"


def test_behind_what_can_not_be_read_nothing_can_with_takeover() -> None:
    inflater, deflate = Inflater(takeover=True, max_bytes=1000), Deflater()
    assert code_of(inflater.inflate(b"\xff\xff")) == codes.INVALID_PAYLOAD
    assert code_of(inflater.inflate(deflate(b"hello"))) == codes.INVALID_PAYLOAD


def test_a_message_inflates_to_no_more_than_it_may() -> None:
    inflater = Inflater(takeover=False, max_bytes=1000)
    assert inflater.inflate(Deflater()(b"x" * 1000)) == b"x" * 1000
    assert code_of(inflater.inflate(Deflater()(b"x" * 1001))) == codes.MESSAGE_TOO_BIG


def test_a_bomb_is_told_by_its_ratio() -> None:
    inflater = Inflater(takeover=False, max_bytes=1 << 30)
    assert inflater.inflate(Deflater()(b"x" * ALWAYS_BYTES)) == b"x" * ALWAYS_BYTES
    bomb = Deflater()(b"x" * (10 * ALWAYS_BYTES))
    assert len(bomb) * MAX_RATIO < 10 * ALWAYS_BYTES
    assert code_of(inflater.inflate(bomb)) == codes.MESSAGE_TOO_BIG


@pytest.mark.parametrize("behind", [b"", b"\0"])
def test_a_last_block_may_end_a_message(behind: bytes) -> None:
    writer = zlib.compressobj(wbits=-15)
    last = writer.compress(b"hello") + writer.flush(zlib.Z_FINISH)
    assert Inflater(takeover=False, max_bytes=100).inflate(last + behind) == b"hello"


def test_nothing_hides_behind_a_last_block() -> None:
    writer = zlib.compressobj(wbits=-15)
    last = writer.compress(b"hello") + writer.flush(zlib.Z_FINISH)
    hidden = last + Deflater()(b" world")
    assert code_of(Inflater(takeover=False, max_bytes=100).inflate(hidden)) == codes.INVALID_PAYLOAD
