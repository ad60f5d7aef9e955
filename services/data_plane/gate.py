"""Stands between a pump and its sink where messages are checked: a message goes on when it is whole, and as it came."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.data_plane.frames import codes
from services.data_plane.frames.assembler import Assembler, Whole
from services.data_plane.frames.errors import FrameError
from services.data_plane.frames.inflater import Inflater
from services.data_plane.inspection import Rules


@dataclass(frozen=True, slots=True)
class Warden:
    """Whom a gate tells. At `on_offence` the connection is closed; the error is None where a schema was not met."""

    count_valid: Callable[[], None]
    count_invalid: Callable[[], None]
    on_dropped: Callable[[], None]
    on_offence: Callable[[FrameError | None], None]


class Gate(asyncio.Transport):
    """A sink that checks. What the pump decided before holds: limits have counted what stops here."""

    __slots__ = ("_assembler", "_inflater", "_may_drop", "_offended", "_rules", "_sink", "_warden", "dropped")

    def __init__(
        self,
        sink: asyncio.Transport,
        rules: Rules,
        inflater: Inflater | None,
        warden: Warden,
        *,
        droppable: bool,
    ) -> None:
        super().__init__()
        self._sink = sink
        self._rules = rules
        self._inflater = inflater
        self._warden = warden
        self._may_drop = rules.action == "drop" and droppable
        self._assembler = Assembler()
        self._offended = False
        self.dropped = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the pump forwards: any cut of frames, each header whole."""
        passed: list[bytes] = []
        offence: list[FrameError | None] = []
        for whole in self._assembler.feed(bytes(data)):
            if self._offended:
                if whole.opcode == codes.CLOSE:  # nothing else is wanted any more
                    passed.append(whole.raw)
            elif whole.opcode & 0x08 or self._admit(whole, offence):
                passed.append(whole.raw)
        if passed:
            self._sink.write(passed[0] if len(passed) == 1 else b"".join(passed))
        for error in offence:
            self._warden.on_offence(error)

    def forget_frame(self) -> None:
        """Leave out the frame that is under way. None of it was written, so another may be in its place."""
        self._assembler.forget_frame()

    def _admit(self, whole: Whole, offence: list[FrameError | None]) -> bool:
        """Tell whether a message goes on; note what ends the connection."""
        payload = self._inflater.inflate(whole.payload) if whole.compressed and self._inflater else whole.payload
        if isinstance(payload, FrameError):
            if payload.code == codes.MESSAGE_TOO_BIG:
                self._offended = True
                offence.append(payload)
                return False
        elif self._rules.accept(payload):
            self._warden.count_valid()
            return True
        self._warden.count_invalid()
        if self._rules.action == "report":
            return True
        if self._may_drop:
            self.dropped += 1
            self._warden.on_dropped()
        else:
            self._offended = True
            offence.append(None)
        return False

    def can_write_eof(self) -> bool:
        return self._sink.can_write_eof()

    def write_eof(self) -> None:
        self._sink.write_eof()

    def abort(self) -> None:
        self._sink.abort()
