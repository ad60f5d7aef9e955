"""How large the messages of one direction are, for those who watch: reads headers alone, and judges nothing."""

from typing import Final

MOST_AT_ONCE: Final = 64
"""Of one read: what a flood of tiny frames costs stays bounded."""

UNBOUNDED: Final = 1 << 62


class MessageSizes:
    """Follows a direction from a given place: with so much of a frame to come, inside a message or not."""

    __slots__ = ("_ends", "_frames", "_head", "_known", "_left", "_mask_bytes", "_size", "behind")

    def __init__(self, *, masked: bool, remaining: int = 0, in_message: bool = False) -> None:
        self._mask_bytes = 4 if masked else 0
        self._left = remaining
        self._known = not in_message  # else nobody knows how large what came before was
        self._ends = False  # the frame that is under way ends a message
        self._size = 0
        self._frames = 0
        self._head = b""
        self.behind = False
        """Whether it gave up before the end of a read, and no longer knows where it is."""

    def feed(self, data: bytes, most: int = MOST_AT_ONCE) -> list[tuple[int, int]]:
        """Return the bytes and frames of each message that ended, until there are so many."""
        found: list[tuple[int, int]] = []
        if self._head:
            data = self._head + data
        at, size = 0, len(data)
        while True:
            step = min(self._left, size - at)
            at += step
            self._left -= step
            if self._left:
                break
            if self._ends:
                self._end(found)
                if len(found) >= most and at < size:
                    self.behind = True
                    break
            header = self._read_header(data, at)
            if not header:
                break
            at += header
        self._head = data[at:]
        return found

    def _end(self, found: list[tuple[int, int]]) -> None:
        if self._known:
            found.append((self._size, self._frames))
        self._known, self._ends = True, False
        self._size = self._frames = 0

    def _read_header(self, data: bytes, at: int) -> int:
        """Take a header, and return its size; 0 where it isn't whole."""
        there = len(data) - at
        if there < 2:
            return 0
        length = data[at + 1] & 0x7F
        width = {126: 2, 127: 8}.get(length, 0)
        header = 2 + width + self._mask_bytes
        if there < header:
            return 0
        if width:
            length = int.from_bytes(data[at + 2 : at + 2 + width], "big")
        self._left = length
        if not data[at] & 0x08:
            self._size += length
            self._frames += 1
            self._ends = bool(data[at] & 0x80)
        return header
