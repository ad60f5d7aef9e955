"""Streams of frames, mostly good ones: what a fuzzer that knows nothing of frames would hardly come to."""

import random
from collections.abc import Iterator

from tests.support.frames import MASK, close_payload, frame

_LENGTHS = (0, 1, 2, 5, 63, 124, 125, 126, 127, 300, 65_535, 65_536)
_SHORT_LENGTHS = (0, 1, 5, 124, 125, 126)
_CODES = (999, 1000, 1004, 1005, 1006, 1011, 1015, 3000, 4999, 5000)
_REASONS = (b"", b"bye", "grüß".encode(), b"\xff")
_KEPT = 300
"""A long frame ends the stream: what follows would be its payload."""


def make_input(choose: random.Random) -> bytes:
    """Return the options of an input, as `tests.fuzz.target` reads them, and a stream to go with them."""
    masked = choose.random() < 0.5
    flags = masked | choose.randrange(8) << 1
    allowance = choose.choice((0, 1, 2, 3, 255, 255, 255))
    options = bytes((flags, allowance, choose.randrange(8), choose.choice((0, 1, 1, choose.randrange(256)))))
    return options + make_stream(choose, masked=masked)


def make_stream(choose: random.Random, *, masked: bool) -> bytes:
    """Return a few messages in fragments, with control frames between them, and now and then something wrong."""
    mask = MASK if masked else None
    messages = (part for _ in range(choose.randrange(1, 5)) for part in _make_message(choose, mask))
    return b"".join(messages)


def _make_message(choose: random.Random, mask: bytes | None) -> Iterator[bytes]:
    fragments = choose.choice((1, 1, 2, 3, 4))
    for index in range(fragments):
        kind = choose.random()
        if kind < 0.1:
            yield _make_control(choose, mask)
        elif kind < 0.15:
            yield _make_odd(choose, mask)
        opcode = 0 if index else choose.choice((1, 2))
        rsv = 0 if index else choose.choice((0, 0, 4))
        size = choose.choice(_LENGTHS)
        yield frame(opcode, bytes(size), fin=index == fragments - 1, rsv=rsv, mask=mask)[:_KEPT]


def _make_control(choose: random.Random, mask: bytes | None) -> bytes:
    opcode = choose.choice((8, 9, 10))
    payload = bytes(choose.choice(_SHORT_LENGTHS))
    if opcode == 10 and choose.random() < 0.5:
        payload = b"mark"  # the gateway's own, perhaps
    if opcode == 8 and payload:
        payload = close_payload(choose.choice(_CODES), choose.choice(_REASONS))
    return frame(opcode, payload, mask=mask)


def _make_odd(choose: random.Random, mask: bytes | None) -> bytes:
    """Return a frame that may be wrong in any of its fields, in the longer forms of its length too."""
    opcode, last = choose.randrange(16), choose.random() < 0.5
    if choose.random() < 0.5:
        return frame(opcode, b"odd", fin=last, rsv=choose.randrange(8), mask=mask)
    width, lengths = choose.choice(((2, (0, 125, 126)), (8, (0, 65_535, 65_536, 1 << 62, 1 << 63))))
    head = bytes((0x80 * last | opcode, (0x80 if mask else 0) | (126 if width == 2 else 127)))
    return head + choose.choice(lengths).to_bytes(width) + (mask or b"")
