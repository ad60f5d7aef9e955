"""Stage 6: two pumps back to back, and how they end together."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Final

from services.data_plane.deflate import Agreement
from services.data_plane.frames import codes
from services.data_plane.frames.close import Close, write_close, write_ping, write_text
from services.data_plane.frames.scanner import Scanner, exponent_of
from services.data_plane.pump import Pump
from services.data_plane.throttle.meter import Meter
from shared.definition import MessageSizes
from shared.problems import PROBLEMS

CLOSE_SECONDS = 5.0
BOUNDARY_SECONDS = 1.0
NOTICE_SECONDS = 1.0
BUSY_SECONDS: Final = 0.05
PING_BYTES: Final = 8
WRITE_BUFFER_BYTES: Final = 0
"""What the system's own buffer doesn't take stops the source.

With a limit of 0 uvloop writes at once, and not in a second walk over all connections that were read.
"""

_GOING_AWAY: Final = Close(codes.GOING_AWAY)


class Relay:
    """One open connection.

    `client` reads from the client and writes to the backend, `backend` the other way round.
    """

    __slots__ = (
        "_notice_at",
        "_notice_timer",
        "_on_end",
        "_pinged_at",
        "_timer",
        "backend",
        "backend_code",
        "cause",
        "client",
        "close_code",
        "ended",
        "notices",
        "round_trip_seconds",
        "round_trips",
        "started_at",
    )

    __deletable__ = ("_on_end",)  # mypyc asks for this

    def __init__(
        self,
        *,
        publish: Meter | None,
        subscribe: Meter | None,
        sizes: MessageSizes,
        agreement: Agreement,
        notices: bool,
        on_end: Callable[["Relay"], None],
    ) -> None:
        self.notices = notices
        self.cause = ""
        self.close_code = 0  # what the client said or was told
        self.backend_code = 0  # what its backend said or was told
        self.ended = False
        self.started_at = time.monotonic()
        self._on_end = on_end
        self._timer: asyncio.TimerHandle | None = None
        self._notice_timer: asyncio.TimerHandle | None = None
        self._notice_at = 0.0
        self._pinged_at = 0.0
        self.round_trip_seconds = 0.0  # of all pings together
        self.round_trips: dict[int, int] = {}  # pings by the exponent of the microseconds until their pong
        outwards = Scanner(masked=True, deflate=agreement.deflate, max_message_bytes=sizes.publish)
        inwards = Scanner(masked=False, deflate=agreement.deflate, max_message_bytes=sizes.subscribe)
        self.client = Pump(self, outwards, publish, droppable=agreement.publish_droppable)
        self.backend = Pump(self, inwards, subscribe, droppable=agreement.subscribe_droppable)
        self.client.peer, self.backend.peer = self.backend, self.client

    def start(self, client: asyncio.Transport, backend: asyncio.Transport, early: bytes, early_backend: bytes) -> None:
        """Begin, with the bytes that came behind each handshake."""
        self.client.source, self.backend.source = client, backend
        self.client.sink, self.backend.sink = self.open_sink(self.client, backend), self.open_sink(self.backend, client)
        for transport in (client, backend):
            transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        backend.set_protocol(self.backend)
        if early_backend:
            self.backend.data_received(early_backend)
        if early:
            self.client.data_received(early)
        if not backend.is_closing():
            backend.resume_reading()

    def open_sink(self, _: Pump, transport: asyncio.Transport) -> asyncio.Transport:
        """Return what a pump writes into, that it may reach a transport."""
        return transport

    def cut_in(self, _: Pump) -> bool:
        """Make room for a Close within a frame, if none of the frame was written; tell whether there is any."""
        return False

    @property
    def activity(self) -> int:
        """What grows whenever anything comes from either side."""
        return self.client.scanner.activity + self.backend.scanner.activity

    def close(self, slug: str, *details: str) -> None:
        """Close both sides for a reason of the gateway's own: a slug of `shared.problems`, and what is to be added."""
        code = PROBLEMS[slug].close_code or codes.UPSTREAM_LOST
        self._end_with(slug, Close(code, "; ".join((slug, *details))), _GOING_AWAY)

    def ping(self) -> bool:
        """Send the client a ping of the gateway's own, unless its direction is busy or a ping is open."""
        inwards = self.backend.scanner
        # A client may answer only the latest of two pings (RFC 6455, section 5.5.3): the backend's goes first.
        if self.backend.finished or self.backend.choked or not inwards.at_boundary or inwards.ping_open:
            return False
        self.client.scanner.awaited_pong = secrets.token_bytes(PING_BYTES)
        self._pinged_at = time.monotonic()
        self.backend.sink.write(write_ping(self.client.scanner.awaited_pong))
        return True

    @property
    def heard(self) -> int:
        """What grows whenever anything comes from the client."""
        return self.client.scanner.activity

    def abort(self) -> None:
        """Drop both connections at once."""
        for pump in (self.client, self.backend):
            if not pump.gone:
                pump.source.abort()

    # What the pumps tell.

    def on_close_frame(self, pump: Pump, frame: bytes) -> None:
        close = pump.scanner.close
        self._note("client_closed" if pump is self.client else "backend_closed", close.code, close.code)
        pump.pass_close(frame)
        self._limit(CLOSE_SECONDS, self.abort)
        self._settle()

    def on_frame_error(self, pump: Pump) -> None:
        """Tell the offender what it broke, and its peer that the other side is done for."""
        code = pump.scanner.error.code
        slug = {codes.MESSAGE_TOO_BIG: "message_too_big", codes.INVALID_PAYLOAD: "invalid_payload"}.get(
            code, "protocol_error"
        )
        offence = Close(code, slug)
        if pump is self.client:
            self._end_with(slug, offence, _GOING_AWAY)
        elif code == codes.MESSAGE_TOO_BIG:
            self._end_with("peer_message_too_big", Close(codes.GOING_AWAY, "peer_message_too_big"), offence)
        else:
            lost = Close(codes.UPSTREAM_LOST, "upstream_protocol_error")
            self._end_with("upstream_protocol_error", lost, offence)

    def on_quota_spent(self, pump: Pump) -> None:
        """Close, and say which limit it is and when to come back."""
        if pump.meter is not None:
            pump.meter.note("close", pump.scanner.needed)
            quota, retry_seconds = pump.meter.report(pump.scanner.needed)
            retry = f"retry_after_ms={round(retry_seconds * 1000)}"
            self.close("quota_exceeded", f"limit={quota.level}", f"unit={quota.rule.unit}", retry)

    def on_slow_sink(self, pump: Pump) -> None:
        # Its buffer is full: a Close could not be written, so the connection is dropped.
        cause = "slow_consumer" if pump is self.backend else "slow_backend"
        self._note(cause, PROBLEMS["slow_consumer"].close_code, codes.ABNORMAL)
        self.abort()

    def on_close_written(self, pump: Pump) -> None:
        offender = pump.peer
        if offender.failed and pump.sink.can_write_eof():
            # Half-close, and go on discarding what the offender sends: a reset would lose the Close.
            pump.sink.write_eof()
        self._settle()

    def on_lost(self, pump: Pump) -> None:
        """Tell the other side, if a boundary lets us, that this one is gone."""
        if not pump.heard_close:
            pump.heard_close = True
            if pump is self.client:
                self._note("client_lost", codes.ABNORMAL, codes.GOING_AWAY)
                close = write_close(_GOING_AWAY, secrets.token_bytes(4))
            else:
                self._note("upstream_lost", codes.UPSTREAM_LOST, codes.ABNORMAL)
                close = write_close(Close(codes.UPSTREAM_LOST, "upstream_lost"))
            if not self._finish(pump, close) and not pump.peer.gone:
                # The sink waits for the rest of a frame that will never come.
                pump.sink.abort()
        self._limit(CLOSE_SECONDS, self.abort)
        self._settle()

    def on_own_pong(self) -> None:
        seconds = time.monotonic() - self._pinged_at
        self.round_trip_seconds += seconds
        exponent = exponent_of(round(seconds * 1_000_000))
        self.round_trips[exponent] = self.round_trips.get(exponent, 0) + 1

    def on_dropped(self) -> None:
        """Tell the client between two messages, at most once a second."""
        if not self.notices or self._notice_timer is not None:
            return
        delay = max(0.0, self._notice_at - time.monotonic())
        self._notice_timer = asyncio.get_running_loop().call_later(delay, self._write_notice)

    # Inside.

    def _note(self, cause: str, close_code: int | None, backend_code: int) -> None:
        """Remember why it ended: what came first counts."""
        if not self.cause:
            self.cause, self.close_code, self.backend_code = cause, close_code or codes.ABNORMAL, backend_code

    def _end_with(self, cause: str, to_client: Close, to_backend: Close) -> None:
        self._note(cause, to_client.code, to_backend.code)
        self._finish(self.backend, write_close(to_client))
        # RFC 6455, section 5.3: a mask that nobody can foresee.
        self._finish(self.client, write_close(to_backend, secrets.token_bytes(4)))
        self._limit(BOUNDARY_SECONDS, self._on_boundary_limit)
        self._settle()

    def _finish(self, pump: Pump, close: bytes) -> bool:
        """Have a pump end with a Close, and tell whether it has: within a frame that is partly written it waits."""
        if pump.finished or pump.scanner.at_boundary or not self.cut_in(pump):
            pump.finish(close)
        else:
            pump.stop_waiting()
            pump.sink.write(close)
            pump.finished = True
            self.on_close_written(pump)
        return pump.finished

    def _limit(self, seconds: float, then: Callable[[], None]) -> None:
        """See to it that the end comes, whatever the peers do."""
        if self._timer is None and not self.ended:
            self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _on_boundary_limit(self) -> None:
        """Drop a connection that could not be told Close; else give the peers the time of a close handshake."""
        self._timer = None
        if self.client.finished and self.backend.finished and not (self.client.choked or self.backend.choked):
            self._limit(CLOSE_SECONDS, self.abort)
        else:
            self.abort()

    def _settle(self) -> None:
        """Hang up where both Closes have passed, and end when both connections are gone."""
        if self.ended:
            return
        for pump in (self.client, self.backend):
            if pump.heard_close and pump.peer.finished and not pump.gone and not pump.source.is_closing():
                pump.hang_up()
        if self.client.gone and self.backend.gone:
            self.ended = True
            for timer in (self._timer, self._notice_timer):
                if timer is not None:
                    timer.cancel()
            self._on_end(self)
            self._let_go()

    def _let_go(self) -> None:
        """Undo the circle of those who refer to each other: it would wait for the garbage collector."""
        del self._on_end
        self.client.let_go()
        self.backend.let_go()

    def _write_notice(self) -> None:
        """Say how many messages were dropped, if no message of the backend is under way."""
        self._notice_timer = None
        if self.backend.finished:
            return
        if self.backend.choked or not self.backend.scanner.between_messages:
            self._notice_timer = asyncio.get_running_loop().call_later(BUSY_SECONDS, self._write_notice)
            return
        for notice in self._notices():
            self.client.source.write(write_text(notice))
        self._notice_at = time.monotonic() + NOTICE_SECONDS

    def _notices(self) -> Iterator[str]:
        for pump in (self.client, self.backend):
            dropped = pump.scanner.dropped
            if pump.meter is not None and dropped > pump.told_dropped:
                quota, retry_seconds = pump.meter.report(pump.scanner.needed)
                notice = {
                    "framegate": "quota_exceeded",
                    "limit": quota.level,
                    "unit": quota.rule.unit,
                    "dropped": dropped - pump.told_dropped,
                    "retry_after_ms": round(retry_seconds * 1000),
                }
                pump.told_dropped = dropped
                yield json.dumps(notice, separators=(",", ":"))
