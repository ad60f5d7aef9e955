"""One direction of a connection: the same bytes on, each frame's header checked and each message metered.

A payload is never decoded, unmasked or copied apart. Each read is handled to its end without waiting: scan, decide,
write. Where a direction has to wait, its source stops being read, and one read at most is held.
"""

import asyncio
import time
from typing import Final, Protocol

from services.data_plane.frames.scanner import UNLIMITED, Scanner, Stop
from services.data_plane.throttle.meter import Meter

SLOW_SECONDS = 30.0
CONTROLS_A_SECOND: Final = 200
"""Pings and pongs that pass in a second; a peer that sends more is read more slowly."""


class Observer(Protocol):
    """Whom a pump tells what it can't settle alone."""

    def on_close_frame(self, pump: "Pump", frame: bytes) -> None: ...
    def on_frame_error(self, pump: "Pump") -> None: ...
    def on_quota_spent(self, pump: "Pump") -> None: ...
    def on_dropped(self) -> None: ...
    def on_own_pong(self) -> None: ...
    def on_slow_sink(self, pump: "Pump") -> None: ...
    def on_close_written(self, pump: "Pump") -> None: ...
    def on_lost(self, pump: "Pump") -> None: ...


class Pump(asyncio.Protocol):
    """Reads from `source`, writes into `sink`, which is the source of its `peer`."""

    __slots__ = (
        "_counted_since",
        "_delay_timer",
        "_delayed_since",
        "_held",
        "_observer",
        "_own_close",
        "_slow_timer",
        "_waiting",
        "at_eof",
        "choked",
        "delayed_seconds",
        "droppable",
        "failed",
        "finished",
        "gone",
        "heard_close",
        "meter",
        "peer",
        "scanner",
        "sink",
        "source",
        "told_dropped",
    )

    __deletable__ = ("_observer", "peer", "sink")  # mypyc asks for this

    sink: asyncio.Transport
    source: asyncio.Transport
    peer: "Pump"

    def __init__(self, observer: Observer, scanner: Scanner, meter: Meter | None, *, droppable: bool) -> None:
        # What every message needs comes first: compiled, it lies together.
        self._held = b""
        self.finished = False  # the sink was told Close, or is gone
        self.scanner = scanner
        self.meter = meter
        self.droppable = droppable  # a message may vanish without harm to the compression of the next one
        self.told_dropped = 0  # so many drops the client was told of
        self.heard_close = False  # the source said Close
        self.failed = False  # the source broke the protocol: what it says is no longer read
        self.at_eof = False  # the source sends nothing more
        self.gone = False  # the source's connection is lost
        self.choked = False  # the sink's buffer is full
        self.delayed_seconds = 0.0
        self._observer = observer
        self._own_close = b""
        self._waiting = False
        self._counted_since = time.monotonic()
        self._delayed_since = 0.0
        self._delay_timer: asyncio.TimerHandle | None = None
        self._slow_timer: asyncio.TimerHandle | None = None
        scanner.control_credit = CONTROLS_A_SECOND

    # What the source's transport calls.

    def data_received(self, data: bytes) -> None:
        # Most reads end here. Whatever else is the matter, the sink is finished or the scanner within a frame.
        if not (self._held or self.finished):
            scanner, meter = self.scanner, self.meter
            messages = scanner.find_whole(data)
            if messages and (meter is None or meter.spend(messages, scanner.whole_bytes)):
                scanner.count_whole()
                self.sink.write(data)
                return
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        if self.heard_close or self.failed:
            return
        if self._held:
            data = self._held + data
            self._held = b""
        if self._own_close:
            data = self._finish_frame(data)
        self._pump(data)

    def pause_writing(self) -> None:
        self.peer.choke(choked=True)

    def resume_writing(self) -> None:
        self.peer.choke(choked=False)

    def eof_received(self) -> bool:
        """Keep the connection open the other way where the source has said Close: its answer is still to come."""
        self.at_eof = True
        return self.heard_close and not self.peer.finished and self.source.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost changes nothing
        self.gone = True
        self._held = b""
        self.stop_waiting()
        self.choke(choked=False)
        self.peer.finished = True  # whatever it would write is for nobody
        self.peer.choke(choked=False)
        self._observer.on_lost(self)

    # What the relay and the peer call.

    def choke(self, *, choked: bool) -> None:
        """Stop reading while the sink takes no more, but not for ever."""
        self.choked = choked
        if self._slow_timer is not None:
            self._slow_timer.cancel()
            self._slow_timer = None
        if choked:
            self._slow_timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._observer.on_slow_sink, self)
        self._update_reading()

    def finish(self, close: bytes) -> None:
        """Write a Close of the gateway's own into the sink at the next frame boundary, and nothing behind it."""
        if self.finished or self._own_close:
            return
        self._own_close = close
        self.stop_waiting()
        if self.scanner.at_boundary:
            self._write_own_close()
            held, self._held = self._held, b""
            self._pump(held)  # the source's own Close may be in it

    def pass_close(self, frame: bytes) -> None:
        """Write the source's own Close into the sink."""
        self.heard_close = True
        self.stop_waiting()
        if not self.finished:
            self.sink.write(frame)
            self.finished = True

    def stop_waiting(self) -> None:
        """Give up waiting for quota."""
        if self._waiting and self.meter is not None:
            self.meter.stop_waiting(self._resume)
        self._waiting = False
        self._end_delay()

    def hang_up(self) -> None:
        """Say to the source that nothing follows, and go on discarding what comes until it hangs up, too.

        A socket that is closed answers what still comes with a reset, and what was not sent yet is lost: RFC 6455,
        section 7.1.1, has it half-closed first.
        """
        if self.at_eof or not self.source.can_write_eof():
            self.source.close()
        else:
            self.source.write_eof()

    def let_go(self) -> None:
        """Forget all others: nothing comes any more."""
        del self._observer, self.peer, self.sink

    @property
    def is_paused(self) -> bool:
        """Whether the source is not being read."""
        return self.choked or self._waiting

    @property
    def held(self) -> bytes:
        """What came and is not handled yet: it waits for quota, or is the beginning of a header."""
        return self._held

    def set_meter(self, meter: Meter | None) -> None:
        """Count by other limits from now on."""
        self.stop_waiting()
        self.meter = meter
        if self._held and not self._own_close:
            held, self._held = self._held, b""
            self._pump(held)

    # Inside.

    def _pump(self, data: bytes) -> None:
        """Handle one read. Nothing here waits."""
        scanner = self.scanner
        start, size, drop, dropped, pongs = 0, len(data), 0, scanner.dropped, scanner.pongs
        awaited = scanner.awaited_pong
        while start < size:
            end = self._scan(data, start, drop)
            drop = 0
            if end > start and scanner.forward and not self.finished:
                self.sink.write(data if end - start == size else data[start:end])
            start = end
            if scanner.stop is Stop.SPENT:
                if self._must_wait():
                    break
                # A smaller message may still fit a limit of bytes; of messages one is as good as another.
                drop = 1 if self.meter is not None and self.meter.counts_bytes else UNLIMITED
            elif scanner.stop is not Stop.TURN and (scanner.stop is not Stop.FLOOD or self._must_slow_down()):
                break
        if scanner.pongs > pongs:
            self.peer.scanner.ping_open = False
        if awaited and not scanner.awaited_pong:
            self._observer.on_own_pong()
        if scanner.dropped > dropped:
            self._observer.on_dropped()
        self._end_read(data, start)

    def _end_read(self, data: bytes, start: int) -> None:
        """Keep what is left of a read, or tell what ended it."""
        if self.scanner.stop is Stop.CLOSE:
            self._observer.on_close_frame(self, data[start : self.scanner.close_end])
        elif self.scanner.stop is Stop.ERROR:
            self.failed = True
            self._observer.on_frame_error(self)
        else:
            self._held = data[start:]

    def _scan(self, data: bytes, start: int, drop: int) -> int:
        """Scan as far as there is credit, and spend it."""
        scanner, meter = self.scanner, self.meter
        if self.finished:
            return self._scan_unheard(data, start)
        if meter is None:
            return scanner.scan(data, start, UNLIMITED)
        messages, size = scanner.messages, scanner.payload_bytes - scanner.dropped_bytes
        allowance, byte_allowance = meter.available()
        end = scanner.scan(data, start, allowance, drop, byte_allowance)
        size = scanner.payload_bytes - scanner.dropped_bytes - size
        if scanner.messages > messages or size:
            meter.debit(scanner.messages - messages, size)
        return end

    def _scan_unheard(self, data: bytes, start: int) -> int:
        """Scan what goes to nobody any more: none of it counts."""
        scanner = self.scanner
        messages, size = scanner.messages, scanner.payload_bytes
        end = scanner.scan(data, start, UNLIMITED)
        scanner.messages = messages
        if scanner.payload_bytes > size:
            scanner.dropped_bytes += scanner.payload_bytes - size
            scanner.owes_payload = False
        return end

    def _must_wait(self) -> bool:
        """Decide about a frame that has no credit: it waits, or its message is dropped."""
        meter, size, may_drop = self.meter, self.scanner.needed, not self.scanner.in_message
        if meter is None or (self.peer.heard_close and may_drop):
            return False  # nobody reads it any more
        verdict = meter.judge(size)
        if verdict == "drop" and self.droppable and may_drop:
            meter.note("drop", size)
            return False
        if verdict == "close":
            self._observer.on_quota_spent(self)
            return False
        self._waiting = True
        if verdict != "ask":
            self._begin_delay(meter)
        meter.wait(self._resume, size)
        self._update_reading()
        return True

    def _must_slow_down(self) -> bool:
        """Have a peer that sends very many pings or pongs wait until the second is over."""
        now = time.monotonic()
        left = self._counted_since + 1.0 - now
        if left <= 0:
            self._counted_since = now
            self.scanner.control_credit = CONTROLS_A_SECOND
            return False
        self._waiting = True
        asyncio.get_running_loop().call_later(left, self._resume)
        self._update_reading()
        return True

    def _resume(self) -> None:
        """Go on with what was held: there is news of the quota."""
        if not self._waiting:
            return
        self._waiting = False
        held, self._held = self._held, b""
        messages = self.scanner.messages
        self._pump(held)
        if not self._waiting:
            self._end_delay()
        elif self.scanner.messages > messages and self._delay_timer is not None and self.meter is not None:
            self._end_delay()  # of the messages that went; the next one's own begins
            self._begin_delay(self.meter)

    def _begin_delay(self, meter: Meter) -> None:
        if self._delay_timer is None:
            self._delayed_since = time.monotonic()
            meter.note("delay", self.scanner.needed)
            longest = meter.longest_delay(self.scanner.needed)
            self._delay_timer = asyncio.get_running_loop().call_later(longest, self._observer.on_quota_spent, self)

    def _end_delay(self) -> None:
        if self._delay_timer is not None:
            self._delay_timer.cancel()
            self._delay_timer = None
            self.delayed_seconds += time.monotonic() - self._delayed_since
        self._update_reading()

    def _finish_frame(self, data: bytes) -> bytes:
        """Forward the rest of the frame that the gateway's Close waits for; return what follows it."""
        end = self.scanner.finish_frame(data, 0)
        if self.scanner.forward:
            self.sink.write(data[:end])
        if self.scanner.at_boundary:
            self._write_own_close()
        return data[end:]

    def _write_own_close(self) -> None:
        self.sink.write(self._own_close)
        self._own_close = b""
        self.finished = True
        self._observer.on_close_written(self)

    def _update_reading(self) -> None:
        if self.gone or self.source.is_closing():
            return
        if self.choked or self._waiting:
            self.source.pause_reading()
        else:
            self.source.resume_reading()
