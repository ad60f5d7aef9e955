"""The relay of an API that has its messages checked: the same pumps, each with a gate before its sink."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Final

from services.data_plane.deflate import Agreement
from services.data_plane.frames import codes
from services.data_plane.frames.close import Close
from services.data_plane.frames.errors import FrameError
from services.data_plane.frames.inflater import Inflater
from services.data_plane.gate import Gate, Warden
from services.data_plane.inspection import Checks, Rules
from services.data_plane.pump import Pump
from services.data_plane.relay import Relay
from services.data_plane.throttle.meter import Meter
from shared.definition import MessageSizes
from shared.limits import Direction
from shared.validation import MAX_CHECKED_BYTES

Count = Callable[[Direction, str], Callable[[], None]]
"""Returns what counts a message of a direction as `valid` or `invalid`."""

_UPSTREAM_INVALID: Final = "upstream_invalid_message"


class DecodingRelay(Relay):
    """A relay whose messages are put together, inflated and held against schemas, and go on as they came."""

    __slots__ = ("_checks", "_count", "_deflate", "_gates", "_sizes", "_told")

    def __init__(
        self,
        *,
        publish: Meter | None,
        subscribe: Meter | None,
        sizes: MessageSizes,
        agreement: Agreement,
        notices: bool,
        on_end: Callable[[Relay], None],
        checks: Checks,
        count: Count,
    ) -> None:
        self._checks = checks
        self._count = count
        self._deflate = agreement.deflate
        self._gates: dict[Direction, Gate] = {}
        self._told: dict[Direction, int] = {}
        self._sizes = MessageSizes(
            publish=_bound(sizes.publish, checks.publish), subscribe=_bound(sizes.subscribe, checks.subscribe)
        )
        super().__init__(
            publish=publish,
            subscribe=subscribe,
            sizes=self._sizes,
            agreement=agreement,
            notices=notices,
            on_end=on_end,
        )

    def open_sink(self, pump: Pump, transport: asyncio.Transport) -> asyncio.Transport:
        """Put a gate before the transport of a direction that is checked."""
        direction = self._direction_of(pump)
        rules, most = (
            (self._checks.publish, self._sizes.publish)
            if pump is self.client
            else (self._checks.subscribe, self._sizes.subscribe)
        )
        if rules is None:
            return transport
        warden = Warden(
            count_valid=self._count(direction, "valid"),
            count_invalid=self._count(direction, "invalid"),
            on_dropped=self.on_dropped,
            on_offence=lambda error: self.on_offence(pump, error),
        )
        inflater = Inflater(takeover=not pump.droppable, max_bytes=most) if self._deflate else None
        gate = self._gates[direction] = Gate(transport, rules, inflater, warden, droppable=pump.droppable)
        return gate

    def cut_in(self, pump: Pump) -> bool:
        """Have a gate forget the frame that it holds."""
        gate = self._gates.get(self._direction_of(pump))
        if gate is not None:
            gate.forget_frame()
        return gate is not None

    def on_offence(self, pump: Pump, error: FrameError | None) -> None:
        """Close: with 1007 to who sent what it must not."""
        if error is not None:
            pump.scanner.error = error
            self.on_frame_error(pump)
        elif pump is self.client:
            self.close("invalid_message")
        else:
            lost, offence = (
                Close(codes.UPSTREAM_LOST, _UPSTREAM_INVALID),
                Close(codes.INVALID_PAYLOAD, "invalid_message"),
            )
            self._end_with(_UPSTREAM_INVALID, lost, offence)

    def _let_go(self) -> None:
        super()._let_go()
        self._gates.clear()

    def _direction_of(self, pump: Pump) -> Direction:
        return "publish" if pump is self.client else "subscribe"

    def _notices(self) -> Iterator[str]:
        yield from super()._notices()
        for direction, gate in self._gates.items():
            if news := gate.dropped - self._told.get(direction, 0):
                self._told[direction] = gate.dropped
                notice = {"framegate": "invalid_message", "direction": direction, "dropped": news}
                yield json.dumps(notice, separators=(",", ":"))


def _bound(size: int, rules: Rules | None) -> int:
    """Return the largest message of a direction: what is checked is held in memory."""
    return size if rules is None else min(size or MAX_CHECKED_BYTES, MAX_CHECKED_BYTES)
