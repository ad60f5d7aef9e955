"""Stage 7, for many at once: what handshakes and connections leave behind costs less if it is booked together."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from services.data_plane import account
from services.data_plane.connection import Outcome, Stage
from services.data_plane.registry import Connection
from services.data_plane.telemetry import Telemetry
from services.data_plane.usage import UsageBook

log = logging.getLogger(__name__)

GATHER_SECONDS: Final = 0.01
MOST: Final = 1000
"""So many wait at most: the next one has all of them booked."""


class Ledger:
    """Handshakes that were accepted, and connections that ended. `settle` books those that came so far."""

    def __init__(self, telemetry: Telemetry, usage: UsageBook) -> None:
        self._telemetry = telemetry
        self._usage = usage
        self._accepted: list[Sequence[tuple[Stage | Literal[""], float]]] = []
        self._ended: list[tuple[Connection, float]] = []

    def accept(self, stages: Sequence[tuple[Stage, float]]) -> None:
        """Note a handshake that ends well now, by when its stages began."""
        self._gather()
        self._accepted.append((*stages, ("", time.perf_counter())))

    def end(self, connection: Connection) -> None:
        """Note a connection that ends now."""
        self._gather()
        self._ended.append((connection, time.monotonic()))

    def settle(self) -> None:
        accepted, self._accepted = self._accepted, []
        ended, self._ended = self._ended, []
        if accepted:
            self._telemetry.handshakes.accept(accepted)
        if ended:
            self._telemetry.connections.record(list(self._book(ended)))

    def _gather(self) -> None:
        waiting = len(self._accepted) + len(self._ended)
        if waiting >= MOST:
            self.settle()
        elif not waiting:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self.settle)

    def _book(self, ended: Sequence[tuple[Connection, float]]) -> Iterator[Outcome]:
        for connection, at in ended:
            try:
                outcome = connection.outcome(at)
                self._usage.note_closed(connection, outcome)
                account.record(outcome)
                if outcome.trace is not None:
                    outcome.trace.end(outcome)
            except Exception:
                # A fault of ours in one must not lose the others, and is seen.
                log.exception("a connection can't be booked")
            else:
                yield outcome
