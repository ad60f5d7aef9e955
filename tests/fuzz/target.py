"""What one input of the fuzzer is, and what must hold for it.

An input is four bytes of options and a stream of one direction. However the stream is cut into reads, the scanner
forwards, counts and refuses what the reference says, never raises, and holds back no more than a header or a Close.
"""

import random
from collections.abc import Iterator
from itertools import product

from services.data_plane.frames.scanner import UNLIMITED, Scanner, Stop
from tests.fuzz.forms import FORMS
from tests.fuzz.reference import Reading, Reference, Rules

OPTION_BYTES = 4
LARGEST_HELD = 2 + 4 + 125  # a Close, or a pong that may be the gateway's own, masked
AWAITED = b"mark"

_SIZES = (0, 1, 125, 126, 300, 65_535, 65_536, 1 << 40)
_READS = (1, 2, 3, 5, 6, 13, 14, 64, 131, 1000)
_MASKED, _DEFLATE, _DROP, _PINGED = 1, 2, 4, 8


def check(data: bytes) -> None:
    """Hold one input against all that must be so."""
    if len(data) < OPTION_BYTES:
        return
    options, stream = data[:OPTION_BYTES], data[OPTION_BYTES:]
    rules = _read_rules(options)
    reference = Reference(rules)
    expected = reference.read(stream)
    if not (rules.drop or expected.swallowed):
        assert stream.startswith(expected.forwarded)
    cuts = _cut(stream, options[3], reference.ends)
    for (form, scanner), reads in product(FORMS.items(), ([stream], cuts)):
        got = _Direction(rules, scanner).feed(reads)
        assert got == expected, f"{form}: {rules}\n{[read.hex() for read in reads]}\n{got}\nand not\n{expected}"


def _read_rules(options: bytes) -> Rules:
    flags, allowance, size, _ = options
    return Rules(
        masked=bool(flags & _MASKED),
        deflate=bool(flags & _DEFLATE),
        max_message_bytes=_SIZES[size % len(_SIZES)],
        allowance=UNLIMITED if allowance == 255 else allowance,
        drop=bool(flags & _DROP),
        awaited=AWAITED if flags & _PINGED else b"",
    )


def _cut(stream: bytes, seed: int, ends: list[int]) -> list[bytes]:
    """Cut a stream into reads: of one byte each for 0, one frame each for 1, else of mixed sizes and some of frames."""
    choose = random.Random(seed)  # noqa: S311 - cuts, not secrets
    reads, start = [], 0
    while start < len(stream):
        of_a_frame = next((end for end in ends if end > start), len(stream)) - start
        size = (1, of_a_frame, choose.choice((*_READS, of_a_frame, of_a_frame)))[min(seed, 2)]
        reads.append(stream[start : start + size])
        start += size
    return reads


class _Direction:
    """Drives a scanner as the pump does."""

    def __init__(self, rules: Rules, scanner: type[Scanner]) -> None:
        self._rules = rules
        self._left = rules.allowance
        self._held = b""
        self._scanner = scanner(masked=rules.masked, deflate=rules.deflate, max_message_bytes=rules.max_message_bytes)
        self._scanner.awaited_pong = rules.awaited
        self._forwarded = bytearray()

    def feed(self, reads: list[bytes]) -> Reading:
        """Return what became of these reads."""
        end = "need"
        for read in reads:
            end = self._read(read)
            if end != "need":
                break
            assert len(self._held) <= LARGEST_HELD
            self._check_finish()
        scanner = self._scanner
        return Reading(
            forwarded=bytes(self._forwarded),
            end=end,
            messages=scanner.messages,
            dropped=scanner.dropped,
            controls=scanner.controls,
            pongs=scanner.pongs,
            ping_open=scanner.ping_open,
            swallowed=scanner.awaited_pong != self._rules.awaited,
            payload_bytes=scanner.payload_bytes,
            remaining=scanner.remaining,
            in_message=scanner.in_message,
        )

    def _read(self, data: bytes) -> str:
        scanner = self._scanner
        if not self._held and 0 < (whole := scanner.find_whole(data)) <= self._left:
            scanner.count_whole()
            self._left -= whole
            self._forwarded += data
            return "need"
        data = self._held + data
        end = "need"
        for start, run in self._runs(data):
            if scanner.forward:
                self._forwarded += data[start:run]
            end = self._end_of(data, run)
            self._held = data[run:]
        return end

    def _runs(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield the runs of bytes that the scanner makes of a read."""
        start = 0
        while start < len(data):
            before = self._scanner.messages
            end = self._scanner.scan(data, start, self._left, UNLIMITED * self._rules.drop)
            self._left -= self._scanner.messages - before
            yield start, end
            if self._scanner.stop != Stop.TURN:
                return
            assert end > start, "no way forward"
            start = end

    def _check_finish(self) -> None:
        """See to it that a Close of the gateway's own can come right behind the frame that is under way."""
        left = self._scanner.remaining
        if 0 < left < 1000:
            assert self._scanner.finish_frame(bytes(left + 3), 2) == left + 2
            self._scanner.remaining = left

    def _end_of(self, data: bytes, end: int) -> str:
        scanner = self._scanner
        match scanner.stop:
            case Stop.CLOSE:
                self._forwarded += data[end : scanner.close_end]
                return f"close {scanner.close.code}"
            case Stop.ERROR:
                assert scanner.at_boundary
                return f"error {scanner.error.code}"
            case Stop.SPENT:
                return "spent"
            case _:
                return "need"
