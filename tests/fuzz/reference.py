"""RFC 6455's header rules once more, a frame at a time and as plainly as can be: what the scanner must agree with."""

from collections.abc import Iterator
from dataclasses import dataclass, field

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one direction, and how many messages may pass; those beyond are held back, or dropped.

    The first pong with the payload of `awaited` answers a ping of the gateway's own, and goes no further.
    """

    masked: bool
    deflate: bool
    max_message_bytes: int
    allowance: int
    drop: bool
    awaited: bytes


@dataclass
class Reading:
    """What became of a stream. `end` is `need`, `spent`, `close CODE` or `error CODE`."""

    forwarded: bytes = b""
    end: str = "need"
    messages: int = 0
    dropped: int = 0
    controls: int = 0
    pongs: int = 0
    ping_open: bool = False
    swallowed: bool = False
    payload_bytes: int = 0
    remaining: int = 0
    in_message: bool = False


@dataclass
class _Frame:
    first: int
    header: bytes
    payload: bytes
    length: int

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def is_last(self) -> bool:
        return bool(self.first & 0x80)

    @property
    def is_control(self) -> bool:
        return self.opcode >= CLOSE


class _Ended(Exception):  # noqa: N818 - no error: how a stream ends
    pass


@dataclass
class Reference:
    rules: Rules
    reading: Reading = field(default_factory=Reading)
    ends: list[int] = field(default_factory=list)
    _size: int = 0
    _dropping: bool = False

    def read(self, data: bytes) -> Reading:
        """Read a whole stream. `ends` says where its frames ended."""
        try:
            for frame in self._frames(data):
                self._take(frame)
        except _Ended as ended:
            self.reading.end = str(ended)
        return self.reading

    def _frames(self, data: bytes) -> Iterator[_Frame]:
        """Yield frames whose header is whole, the last one perhaps without all of its payload."""
        whole = len(data)
        while len(data) >= 2:
            first, second = data[0], data[1]
            self._check(first, second)
            size, length = 6 if self.rules.masked else 2, second & 0x7F
            if length >= 126:
                width = 2 if length == 126 else 8
                size += width
                if len(data) < size:
                    return
                smallest, length = (126 if width == 2 else 65536), int.from_bytes(data[2 : 2 + width])
                if not smallest <= length < 1 << 63:
                    raise _Ended("error 1002")
            if first & 0x0F < CLOSE and 0 < self.rules.max_message_bytes < self._size + length:
                raise _Ended("error 1009")
            if len(data) < size:
                return
            payload = data[size : size + length]
            yield _Frame(first, data[:size], payload, length)
            data = data[size + length :]
            self.ends.append(whole - len(data))

    def _check(self, first: int, second: int) -> None:
        opcode, last = first & 0x0F, first & 0x80
        started = self.reading.in_message
        reserved = first & (0x30 if self.rules.deflate and opcode in {TEXT, BINARY} else 0x70)
        good = {
            CONTINUATION: started,
            TEXT: not started,
            BINARY: not started,
            CLOSE: last and second & 0x7F <= 125,
            PING: last and second & 0x7F <= 125,
            PONG: last and second & 0x7F <= 125,
        }
        if bool(second & 0x80) is not self.rules.masked or reserved or not good.get(opcode):
            raise _Ended("error 1002")

    def _take(self, frame: _Frame) -> None:
        reading = self.reading
        whole = len(frame.payload) == frame.length
        if frame.opcode == CLOSE:
            self._close(frame, whole)
        if frame.is_control:
            forward = self._control(frame, whole)
        else:
            self._count(frame)
            forward = not self._dropping
        if forward:
            reading.forwarded += frame.header + frame.payload
        reading.remaining = frame.length - len(frame.payload)

    def _count(self, frame: _Frame) -> None:
        reading = self.reading
        if frame.opcode != CONTINUATION:
            self._dropping = reading.messages == self.rules.allowance
            if self._dropping and not self.rules.drop:
                raise _Ended("spent")
            reading.messages += not self._dropping
            reading.dropped += self._dropping
            self._size = 0
        reading.payload_bytes += frame.length
        reading.in_message = not frame.is_last
        self._size = self._size + frame.length if reading.in_message else 0

    def _control(self, frame: _Frame, whole: bool) -> bool:
        """Count a ping or a pong; tell whether it goes on."""
        reading, awaited = self.reading, self.rules.awaited
        if frame.opcode == PONG and awaited and not reading.swallowed:
            if not whole:
                raise _Ended("need")
            reading.swallowed = self._payload(frame) == awaited
            reading.controls += 1
            reading.pongs += not reading.swallowed
            return not reading.swallowed
        reading.controls += 1
        reading.pongs += frame.opcode == PONG
        reading.ping_open = reading.ping_open or frame.opcode == PING
        return True

    def _payload(self, frame: _Frame) -> bytes:
        mask = frame.header[-4:] if self.rules.masked else bytes(4)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(frame.payload))

    def _close(self, frame: _Frame, whole: bool) -> None:
        if not whole:
            raise _Ended("need")
        payload = self._payload(frame)
        code = int.from_bytes(payload[:2]) if payload else 1005
        allowed = code in {1000, 1001, 1002, 1003, *range(1007, 1015)} or 3000 <= code < 5000
        if payload and (len(payload) == 1 or not allowed):
            raise _Ended("error 1002")
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            raise _Ended("error 1007") from None
        self.reading.forwarded += frame.header + frame.payload
        raise _Ended(f"close {code}")
