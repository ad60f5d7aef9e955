"""Frames that the gateway writes itself."""

from typing import Final, NamedTuple

from services.data_plane.frames import codes
from services.data_plane.frames.errors import FrameError

_MASK_BIT: Final = 0x80
_LENGTH_16: Final = 126


class Close(NamedTuple):
    """What a Close frame says. `code` is 1005 where it said nothing."""

    code: int
    reason: str = ""


def read_close(payload: bytes) -> Close | FrameError:
    """Read the unmasked payload of a Close frame (RFC 6455, section 5.5.1)."""
    if not payload:
        return Close(codes.NO_STATUS)
    if len(payload) == 1:
        return FrameError(codes.PROTOCOL_ERROR, "a close payload of one byte")
    code = int.from_bytes(payload[:2])
    if not codes.may_travel(code):
        return FrameError(codes.PROTOCOL_ERROR, f"close code {code}")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        return FrameError(codes.INVALID_PAYLOAD, "a close reason that is not UTF-8")


def write_close(close: Close, mask: bytes | None = None) -> bytes:
    """Return a Close frame. Towards a backend, `mask` is four unpredictable bytes (section 5.3)."""
    if close.code == codes.NO_STATUS:
        return _frame(codes.CLOSE, b"", mask)
    reason = close.reason.encode()[: codes.MAX_REASON_BYTES].decode(errors="ignore").encode()
    return _frame(codes.CLOSE, close.code.to_bytes(2) + reason, mask)


def write_text(text: str) -> bytes:
    """Return an unmasked text frame of less than 64 KiB."""
    return _frame(codes.TEXT, text.encode(), None)


def write_ping(payload: bytes) -> bytes:
    """Return an unmasked ping."""
    return _frame(codes.PING, payload, None)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Apply a mask to a short payload (section 5.3); the operation is its own inverse."""
    size = len(payload)
    key = (mask * (size // len(mask) + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def _frame(opcode: int, payload: bytes, mask: bytes | None) -> bytes:
    length = len(payload)
    bit = 0 if mask is None else _MASK_BIT
    head = bytes((0x80 | opcode, bit | length)) if length < _LENGTH_16 else _long_head(opcode, length, bit)
    return head + (payload if mask is None else mask + unmask(payload, mask))


def _long_head(opcode: int, length: int, bit: int) -> bytes:
    return bytes((0x80 | opcode, bit | _LENGTH_16)) + length.to_bytes(2)
