"""permessage-deflate (RFC 7692) as its receiver reads it, within limits."""

import zlib
from typing import Final

from services.data_plane.frames import codes
from services.data_plane.frames.errors import FrameError

MAX_RATIO: Final = 200
"""So many times its size a message may inflate to: a bomb costs more to read than to send."""

ALWAYS_BYTES: Final = 64 * 1024
"""To so much any message may: with context takeover, one that repeats the last one is tiny."""

_TAIL: Final = b"\x00\x00\xff\xff"  # section 7.2.2: the sender leaves it out
_BEHIND_LAST: Final = (_TAIL, b"\x00" + _TAIL)
_WINDOW_BITS: Final = -15  # no header, and the largest window: it reads smaller ones, too

_TOO_BIG: Final = FrameError(codes.MESSAGE_TOO_BIG, "a message that inflates to more than it may")
_UNREADABLE: Final = FrameError(codes.INVALID_PAYLOAD, "a message that can't be inflated")


class Inflater:
    """One direction. With `takeover` a message may refer to what came before it."""

    __slots__ = ("_broken", "_max_bytes", "_reader", "_takeover")

    def __init__(self, *, takeover: bool, max_bytes: int) -> None:
        self._takeover = takeover
        self._max_bytes = max_bytes
        self._reader = zlib.decompressobj(_WINDOW_BITS) if takeover else None
        self._broken = False

    def inflate(self, payload: bytes) -> bytes | FrameError:
        """Return a message, or what is wrong with it. With takeover none can be read behind a wrong one."""
        if self._broken:
            return _UNREADABLE
        most = min(self._max_bytes, max(ALWAYS_BYTES, MAX_RATIO * len(payload)))
        reader = self._reader or zlib.decompressobj(_WINDOW_BITS)
        try:
            inflated = reader.decompress(payload + _TAIL, most + 1)
        except zlib.error:
            self._broken = self._takeover
            return _UNREADABLE
        if len(inflated) > most:
            self._broken = self._takeover
            return _TOO_BIG
        if reader.eof:  # a last block (section 7.2.3.4): a peer might read on where this one doesn't
            self._broken = self._takeover
            return inflated if reader.unused_data in _BEHIND_LAST else _UNREADABLE
        return inflated
