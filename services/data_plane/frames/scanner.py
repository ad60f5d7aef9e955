"""Walks the frame headers of one direction and says how far its bytes may be forwarded.

The payload is never touched: what is forwarded are the very bytes that came.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from services.data_plane.frames import codes
from services.data_plane.frames.close import Close, read_close, unmask
from services.data_plane.frames.errors import FrameError

if TYPE_CHECKING:
    from mypy_extensions import i64  # for mypyc alone

UNLIMITED: Final = 1 << 62

MAX_FRAGMENTS: Final = 65_536  # each costs a frame, and may be empty: no message has this many in earnest

_NO_ERROR: Final = FrameError(0, "")
_NO_CLOSE: Final = Close(codes.NO_STATUS)


class Stop(IntEnum):
    """Why a run of bytes ended."""

    NEED = 0
    """All that is whole was taken; what is left is the beginning of a header or of a Close frame."""
    TURN = 1
    """Bytes of the other kind follow: forwarded ones behind dropped ones, or the other way round."""
    SPENT = 2
    """A frame begins here that the allowance doesn't cover: `needed` says how many bytes it has."""
    CLOSE = 3
    """A Close frame begins here: `close` says what, `close_end` where it ends."""
    ERROR = 4
    """`error` says what."""
    FLOOD = 5
    """A control frame begins here that `control_credit` doesn't cover."""


def exponent_of(value: int) -> int:
    """Return the least power of two that a value is not above: sizes and times are counted by it."""
    return (value - 1).bit_length() if value > 1 else 0


class Scanner:
    """The state of one direction. Holds no bytes."""

    __slots__ = (
        "_alike",
        "_dropping",
        "_dropping_frame",
        "_exponent",
        "_fragments",
        "_largest_alike",
        "_length",
        "_mask_bit",
        "_max_message_bytes",
        "_message_bytes",
        "_reserved",
        "_short_header",
        "_short_most",
        "_sizes",
        "_skimmed",
        "_smaller",
        "awaited_pong",
        "close",
        "close_end",
        "continuations",
        "control_credit",
        "controls",
        "dropped",
        "dropped_bytes",
        "error",
        "forward",
        "in_message",
        "messages",
        "needed",
        "owes_payload",
        "payload_bytes",
        "ping_open",
        "pongs",
        "remaining",
        "stop",
        "whole_bytes",
    )

    def __init__(self, *, masked: bool, deflate: bool = False, max_message_bytes: int = 0) -> None:
        """`masked` frames come from a client (RFC 6455, section 5.1); with `deflate`, RSV1 may be set (RFC 7692)."""
        # What every whole message needs comes first: compiled, it lies together.
        self.remaining = 0  # payload bytes of the current frame that are still to come
        self.in_message = False  # between the fragments of a message
        self.messages = 0
        self.payload_bytes = 0
        self.whole_bytes = 0
        self._skimmed = 0
        # Messages of much the same size follow each other: they are counted together, until one of another size comes.
        self._alike = 0
        self._smaller = 0
        self._largest_alike = 0
        self._mask_bit = 0x80 if masked else 0
        self._short_header = 6 if masked else 2
        self._max_message_bytes = max_message_bytes or UNLIMITED
        self._short_most = min(self._max_message_bytes, 125)
        self._reserved = 0x30 if deflate else 0x70
        self._message_bytes = 0
        self._exponent = 0
        self._sizes: dict[int, int] = {}
        self._length = 0
        self._fragments = 0
        self._dropping = False  # the message that is under way is dropped
        self._dropping_frame = False  # so is the frame: a control frame between fragments is not
        self.forward = True
        self.stop = Stop.NEED
        self.error = _NO_ERROR
        self.close = _NO_CLOSE
        self.close_end = 0
        self.continuations = 0
        self.controls = 0
        self.control_credit = UNLIMITED  # for pings and pongs: a Close always passes
        self.needed = 0
        self.awaited_pong = b""  # the payload of the gateway's own ping, whose pong goes no further
        self.ping_open = False  # a ping was forwarded that no pong has answered yet
        self.pongs = 0
        self.dropped = 0
        self.owes_payload = False  # whether what remains of the current frame counts as payload
        self.dropped_bytes = 0  # of `payload_bytes`

    @property
    def at_boundary(self) -> bool:
        """Whether a frame of one's own may be written behind what was forwarded."""
        return not self.remaining

    @property
    def between_messages(self) -> bool:
        return not self.remaining and not self.in_message

    @property
    def activity(self) -> int:
        """What grows with every frame, and with every byte of an unfinished one."""
        return self.messages + self.dropped + self.controls + self.payload_bytes - self.remaining

    @property
    def frames(self) -> int:
        """All but Close."""
        return self.messages + self.dropped + self.continuations + self.controls

    @property
    def sizes(self) -> dict[int, int]:
        """How many messages have ended, by the exponent of their size. Those of one read count with their mean."""
        sizes = dict(self._sizes)
        if self._alike:
            sizes[self._exponent] = sizes.get(self._exponent, 0) + self._alike
        return sizes

    @property
    def arrived_bytes(self) -> int:
        """The payload that has come, less what was dropped: a header may announce what never comes."""
        owed = self.remaining if self.owes_payload else 0
        return self.payload_bytes - self.dropped_bytes - owed

    def find_whole(self, data: bytes) -> int:
        """Return how many messages a read is, if it is whole ones and no more, as most reads are; else 0.

        Sets `whole_bytes`. They are not counted until `count_whole` says so.
        """
        if self.remaining or self.in_message or self._skim(data, 0, UNLIMITED, UNLIMITED) < len(data):
            return 0
        return self._skimmed

    def count_whole(self) -> None:
        """Count the messages that `find_whole` found."""
        self.messages += self._skimmed
        self.payload_bytes += self.whole_bytes
        self._count_sizes(self._skimmed, self.whole_bytes)

    def scan(self, data: bytes, start: int, allowance: int, drop: int = 0, byte_allowance: int = UNLIMITED) -> int:
        """Return the end of the run of bytes from `start`, to be forwarded if `forward` says so.

        At most `allowance` messages begin in it, and frames of at most `byte_allowance` bytes of payload; of those
        beyond, `drop` messages are dropped, whole. One loop rather than small functions: every frame passes here.
        """
        size = len(data)
        end = start
        self.stop = Stop.NEED
        if self.remaining:
            self.forward = not self._dropping_frame
            end = min(start + self.remaining, size)
            self.remaining -= end - start
        elif not self.in_message:
            end = self._skim(data, start, allowance, byte_allowance)
            if end > start:
                self.count_whole()
                allowance -= self._skimmed
                byte_allowance -= self.whole_bytes
                self.forward = True
        while size - end >= 2:
            first = data[end]
            header = self._read_header(data, end, first, data[end + 1])
            if header <= 0:
                self.stop = Stop.ERROR if header else Stop.NEED
                return end
            length = self._length
            dropping = self._dropping
            if first & 0x08:
                if first & 0x0F == codes.CLOSE:
                    return self._read_close(data, end, header, length)
                if first & 0x0F == codes.PONG and self.awaited_pong:
                    if size - end < header + length:
                        return end
                    dropping = self._payload(data, end, header, length) == self.awaited_pong
                else:
                    dropping = False
                if self.control_credit <= 0:
                    self.stop = Stop.FLOOD
                    return end
            elif first & 0x0F:
                dropping = allowance <= 0 or length > byte_allowance
                if dropping and drop <= 0:
                    self.needed = length
                    self.stop = Stop.SPENT
                    return end
            elif not dropping and length > byte_allowance:
                self.needed = length
                self.stop = Stop.SPENT  # the message has begun: it can only wait
                return end
            if end == start:
                self.forward = not dropping
            elif dropping is self.forward:
                self.stop = Stop.TURN
                return end
            if first & 0x08:
                self._count_control(first & 0x0F, dropping)
            else:
                self._dropping = dropping
                if first & 0x0F:
                    if dropping:
                        drop -= 1
                        self.dropped += 1
                    else:
                        allowance -= 1
                        self.messages += 1
                else:
                    self.continuations += 1
                if first & 0x80 and not dropping:
                    self._count_sizes(1, self._message_bytes + length)
                self.in_message = not first & 0x80
                self._message_bytes = self._message_bytes + length if self.in_message else 0
                self._fragments = self._fragments + 1 if self.in_message else 0
                self.payload_bytes += length
                if dropping:
                    self.dropped_bytes += length
                else:
                    byte_allowance -= length
            end += header + length
            if end > size:
                self.remaining = end - size
                self._dropping_frame = dropping
                self.owes_payload = not (dropping or first & 0x08)
                return size
        return end

    def _skim(self, data: bytes, start: int, allowance: int, byte_allowance: int) -> int:
        """Return the end of the whole, unfragmented messages from `start`: the fast half of `scan`.

        It decides nothing: it stops before whatever is not plainly good. Sets `_skimmed` and `whole_bytes`.
        """
        # Machine words, not objects: this is what a message costs.
        header: i64 = self._short_header
        mask_bit: i64 = self._mask_bit
        short: i64 = self._short_most
        most: i64 = allowance
        most_bytes: i64 = byte_allowance
        size: i64 = len(data)
        end: i64 = start
        payload: i64 = 0
        messages: i64 = 0
        last: i64 = size - header
        while end <= last and messages < most:
            first: i64 = data[end]
            length: i64 = data[end + 1]
            length -= mask_bit
            if (first != 0x82 and first != 0x81) or length < 0:  # noqa: PLR1714 - of machine words two are faster than a set
                break
            behind: i64 = end + header + length
            if length > short:
                if length != 126 or size - end < 4:
                    break
                length = data[end + 2]
                length = length << 8 | data[end + 3]
                if length < 126 or length > self._max_message_bytes:
                    break
                behind = end + header + 2 + length
            total: i64 = payload + length
            if behind > size or total > most_bytes:
                break
            end = behind
            payload = total
            messages += 1
        self._skimmed = messages
        self.whole_bytes = payload
        return end

    def finish_frame(self, data: bytes, start: int) -> int:
        """Return the end of the frame that is under way at `start`, and look no further."""
        end = min(start + self.remaining, len(data))
        self.remaining -= end - start
        self.forward = not self._dropping_frame
        return end

    def _read_header(self, data: bytes, start: int, first: int, second: int) -> int:
        """Check a header; return its size, 0 where it isn't whole, -1 where it breaks a rule. Sets `_length`."""
        opcode = first & 0x0F
        length = second & 0x7F
        size = self._short_header
        why = self._find_fault(first, opcode, second)
        if not why and length >= 126:
            width = 2 if length == 126 else 8
            size += width
            if len(data) - start < size:
                return 0
            length = int.from_bytes(data[start + 2 : start + 2 + width], "big")
            # Section 5.2: the minimal number of bytes, and the most significant bit is 0.
            if length < (126 if width == 2 else 65536):
                why = "a length that is not minimal"
            elif length >> 63:
                why = "a length over 63 bits"
        if why:
            self.error = FrameError(codes.PROTOCOL_ERROR, why)
            return -1
        if opcode < codes.CLOSE and self._message_bytes + length > self._max_message_bytes:
            self.error = FrameError(codes.MESSAGE_TOO_BIG, f"a message over {self._max_message_bytes} bytes")
            return -1
        if opcode == codes.CONTINUATION and self._fragments >= MAX_FRAGMENTS:
            self.error = FrameError(codes.MESSAGE_TOO_BIG, f"a message of over {MAX_FRAGMENTS} fragments")
            return -1
        if len(data) - start < size:
            return 0
        self._length = length
        return size

    def _find_fault(self, first: int, opcode: int, second: int) -> str:
        """Return the rule that the first two bytes break, or nothing (section 5.2, 5.4 and 5.5)."""
        if second & 0x80 != self._mask_bit:
            return "a masked frame from a server" if second & 0x80 else "an unmasked frame from a client"
        if first & self._reserved or (first & 0x40 and (opcode == codes.CONTINUATION or opcode >= codes.CLOSE)):
            return "a reserved bit"  # RFC 7692, section 6.1: RSV1 stands on a message's first frame only
        if opcode >= codes.CLOSE:
            if opcode > codes.PONG:
                return f"opcode {opcode}"
            if not first & 0x80:
                return "a fragmented control frame"
            return "a control frame over 125 bytes" if second & 0x7F > codes.MAX_CONTROL_PAYLOAD else ""
        if opcode > codes.BINARY:
            return f"opcode {opcode}"
        if (opcode == codes.CONTINUATION) is not self.in_message:
            return "a new message inside another" if self.in_message else "a continuation of nothing"
        return ""

    def _count_sizes(self, messages: int, size: int) -> None:
        """Count so many messages that have `size` bytes together."""
        if not messages * self._smaller < size <= messages * self._largest_alike:
            if self._alike:
                self._sizes[self._exponent] = self._sizes.get(self._exponent, 0) + self._alike
                self._alike = 0
            self._exponent = exponent_of(-(-size // messages))
            self._largest_alike = 1 << self._exponent
            self._smaller = self._largest_alike >> 1 if self._exponent else -1
        self._alike += messages

    def _count_control(self, opcode: int, own: bool) -> None:
        self.controls += 1
        self.control_credit -= 1
        if own:
            self.awaited_pong = b""
        elif opcode == codes.PONG:
            self.pongs += 1
        else:
            self.ping_open = True

    def _payload(self, data: bytes, start: int, header: int, length: int) -> bytes:
        """Return the payload of a whole control frame, unmasked."""
        begin = start + header
        payload = data[begin : begin + length]
        return unmask(payload, data[begin - 4 : begin]) if self._mask_bit else payload

    def _read_close(self, data: bytes, start: int, header: int, length: int) -> int:
        """Take a Close frame once it is whole. Returns its start: the caller decides what goes on."""
        if len(data) < start + header + length:
            self.stop = Stop.NEED
            return start
        close = read_close(self._payload(data, start, header, length))
        if isinstance(close, FrameError):
            self.error = close
            self.stop = Stop.ERROR
        else:
            self.close = close
            self.close_end = start + header + length
            self.stop = Stop.CLOSE
        return start
