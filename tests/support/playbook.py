"""A relay between two recorded ends: what goes in on one side, what must come out on the other, as a dialogue."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Self

from services.data_plane.decoding_relay import DecodingRelay
from services.data_plane.deflate import Agreement
from services.data_plane.inspection import Checks, Rules
from services.data_plane.pump import Pump
from services.data_plane.relay import Relay
from shared.definition import MessageSizes

REPORT: Final = Checks(Rules("report"), Rules("report"))
"""No message is valid, and all pass."""


class End(asyncio.Transport):
    """A transport that remembers what was written and done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.half_closed = False
        self.aborted = False
        self.closing = False
        self.on_close: Callable[[], None] = lambda: None
        self.on_eof: Callable[[], None] = lambda: None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def take(self) -> bytes:
        written, self.written = self.written, b""
        return written

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True
        asyncio.get_running_loop().call_soon(self.on_eof)

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.on_close)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass


class Playbook:
    """`book.client(b"...").upstream(b"...")`: the client says the first, the backend must have got the second."""

    def __init__(
        self,
        sizes: MessageSizes | None = None,
        *,
        decoding: bool = False,
        checks: Checks | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        """Make a relay: with `decoding` one that lets all messages pass, with `checks` one that does not."""
        self.ended: list[Relay] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.relay = self._make(sizes or MessageSizes(), agreement or Agreement(), REPORT if decoding else checks)
        self.client_end = End()
        self.backend_end = End()
        self.client_end.on_close = lambda: self.relay.client.connection_lost(None)
        self.backend_end.on_close = lambda: self.relay.backend.connection_lost(None)
        self.client_end.on_eof = lambda: _hang_up(self.relay.client)
        self.backend_end.on_eof = lambda: _hang_up(self.relay.backend)
        self.relay.start(self.client_end, self.backend_end, b"", b"")

    def _make(self, sizes: MessageSizes, agreement: Agreement, checks: Checks | None) -> Relay:
        if checks is None:
            return Relay(
                publish=None,
                subscribe=None,
                sizes=sizes,
                agreement=agreement,
                notices=True,
                on_end=self.ended.append,
            )
        return DecodingRelay(
            publish=None,
            subscribe=None,
            sizes=sizes,
            agreement=agreement,
            notices=True,
            on_end=self.ended.append,
            checks=checks,
            count=lambda direction, result: lambda: self.counts.update([(direction, result)]),
        )

    def client_says(self, data: bytes) -> Self:
        self.relay.client.data_received(data)
        return self

    def backend_says(self, data: bytes) -> Self:
        self.relay.backend.data_received(data)
        return self

    def client_hears(self, data: bytes) -> Self:
        assert self.client_end.take() == data
        return self

    def backend_hears(self, data: bytes) -> Self:
        assert self.backend_end.take() == data
        return self

    async def settled(self) -> Self:
        """Let the loop do what was scheduled for now."""
        for _ in range(3):
            await asyncio.sleep(0)
        return self


def _hang_up(pump: Pump) -> None:
    """Do as a peer whom the gateway has said that nothing follows: one that has said Close hangs up."""
    if pump.heard_close and not pump.eof_received():
        pump.source.close()
