"""Puts one direction's frames together to whole messages, and keeps the very bytes that they came in."""

from collections.abc import Iterator
from dataclasses import dataclass

from websockets.utils import apply_mask


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole message, or a control frame. `payload` is unmasked, and of a control frame empty."""

    opcode: int
    raw: bytes
    payload: bytes = b""
    compressed: bool = False


class Assembler:
    """Takes what a scanner let pass: headers are whole and sound, and a message is no larger than it may be."""

    __slots__ = ("_first", "_frame", "_left", "_payload", "_raw")

    def __init__(self) -> None:
        self._frame = bytearray()  # the frame that is under way
        self._left = 0  # so much of it is still to come
        self._raw = bytearray()  # the frames of the message that is under way
        self._payload = bytearray()
        self._first = 0  # the first byte of its first frame

    def forget_frame(self) -> None:
        """Leave out the frame that is under way: what comes next begins with a header."""
        self._frame.clear()
        self._left = 0

    def feed(self, data: bytes) -> Iterator[Whole]:
        """Yield what became whole. Control frames don't wait for the message that they are in."""
        start, size = 0, len(data)
        while start < size:
            if self._left:
                end = min(start + self._left, size)
                self._frame += data[start:end]
                self._left -= end - start
                if self._left:
                    return
                raw = bytes(self._frame)
                self._frame.clear()
            else:
                end = start + _size_of(data, start)
                if end > size:
                    self._frame += data[start:]
                    self._left = end - size
                    return
                raw = data if end - start == size else data[start:end]
            start = end
            yield from self._take(raw)

    def _take(self, raw: bytes) -> Iterator[Whole]:
        first = raw[0]
        if first & 0x08:
            yield Whole(first & 0x0F, raw)
            return
        payload = _payload_of(raw)
        if first & 0x80 and first & 0x0F:
            yield Whole(first & 0x0F, raw, payload, bool(first & 0x40))
            return
        if first & 0x0F:
            self._first = first
        self._raw += raw
        self._payload += payload
        if first & 0x80:
            whole = Whole(self._first & 0x0F, bytes(self._raw), bytes(self._payload), bool(self._first & 0x40))
            self._raw, self._payload = bytearray(), bytearray()
            yield whole


def _header_of(data: bytes, start: int) -> tuple[int, int]:
    """Return where the payload begins, behind a mask if there is one, and how long it is."""
    second = data[start + 1]
    length, begin = second & 0x7F, start + 2
    if length >= 126:
        width = 2 if length == 126 else 8
        length = int.from_bytes(data[begin : begin + width], "big")
        begin += width
    return begin + (4 if second & 0x80 else 0), length


def _size_of(data: bytes, start: int) -> int:
    begin, length = _header_of(data, start)
    return begin + length - start


def _payload_of(raw: bytes) -> bytes:
    begin, _ = _header_of(raw, 0)
    payload = raw[begin:]
    return apply_mask(payload, raw[begin - 4 : begin]) if raw[1] & 0x80 and payload else payload
