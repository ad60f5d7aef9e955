"""Stands between a transport and its pump while somebody watches, and sees how large messages are.

Without one nothing is paid: a pump knows of no tap.
"""

import asyncio
from collections.abc import Callable, Sequence

from services.data_plane.frames.sizes import UNBOUNDED, MessageSizes
from services.data_plane.pump import Pump

Tell = Callable[[Sequence[tuple[int, int]], int], None]
"""Is told the bytes and frames of messages, and how many more there were."""


class Tap(asyncio.Protocol):
    """Hands on whatever the transport says."""

    __slots__ = ("_masked", "_pump", "_sizes", "_tell")

    def __init__(self, pump: Pump, tell: Tell, *, masked: bool) -> None:
        self._pump = pump
        self._tell = tell
        self._masked = masked
        self._sizes = self._follow()

    def open(self) -> None:
        """Begin. The connection must be there."""
        self._pump.source.set_protocol(self)

    def close(self) -> None:
        if not self._pump.gone:
            self._pump.source.set_protocol(self._pump)

    def data_received(self, data: bytes) -> None:
        scanner, before = self._pump.scanner, self._pump.scanner.messages
        found = self._sizes.feed(data)
        self._pump.data_received(data)
        if self._sizes.behind:
            self._sizes = self._follow()
            self._tell(found, max(0, scanner.messages - before - len(found)))
        elif found:
            self._tell(found, 0)

    def pause_writing(self) -> None:
        self._pump.pause_writing()

    def resume_writing(self) -> None:
        self._pump.resume_writing()

    def eof_received(self) -> bool:
        return self._pump.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pump.connection_lost(exc)

    def _follow(self) -> MessageSizes:
        """Begin where the pump is, and go past what it holds."""
        scanner = self._pump.scanner
        sizes = MessageSizes(masked=self._masked, remaining=scanner.remaining, in_message=scanner.in_message)
        sizes.feed(self._pump.held, UNBOUNDED)
        return sizes
