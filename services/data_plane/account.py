"""Stage 7: an ended connection goes into the books, and so does a handshake that was refused."""

import logging
import time
from collections.abc import Callable
from typing import Final, TypedDict

from services.data_plane.connection import Attempt, Caller, Outcome
from shared.definition import ApiDefinition, KeyType
from shared.logs import write_line

log = logging.getLogger(__name__)

REFUSALS_A_SECOND: Final = 10
"""So many refused handshakes each worker writes a line about: more would serve whoever sends them."""


class ConnectionLine(TypedDict):
    """What a line says of a connection. No header, and nothing of its URL, is among it."""

    request_id: str
    trace_id: str | None
    client: str
    api: str | None
    version: str | None
    application: str | None
    key_type: KeyType | None
    user: str | None


class ClosedLine(ConnectionLine):
    cause: str
    client_code: int
    backend_code: int
    seconds: float
    messages_published: int
    messages_delivered: int
    messages_dropped: int
    frames_published: int
    frames_delivered: int
    bytes_published: int
    bytes_delivered: int


class RefusedLine(ConnectionLine):
    cause: str
    status: int | None
    left_out: int


def record(outcome: Outcome) -> None:
    """Write the one line of a connection."""
    trace_id = outcome.trace.id if outcome.trace is not None else None
    line: ClosedLine = {
        **_describe(outcome.request_id, trace_id, outcome.address, outcome.api, outcome.caller),
        "cause": outcome.cause,
        "client_code": outcome.close_code,
        "backend_code": outcome.backend_code,
        "seconds": round(outcome.seconds, 3),
        "messages_published": outcome.messages_published,
        "messages_delivered": outcome.messages_delivered,
        "messages_dropped": outcome.messages_dropped,
        "frames_published": outcome.frames_published,
        "frames_delivered": outcome.frames_delivered,
        "bytes_published": outcome.bytes_published,
        "bytes_delivered": outcome.bytes_delivered,
    }
    write_line(log, "connection closed", line)


class RefusalLog:
    """Writes a line about a refused handshake, or counts it for the next line where there are very many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._written = 0
        self._left_out = 0

    def note(self, attempt: Attempt, slug: str, status: int | None) -> None:
        second = int(self._clock())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= REFUSALS_A_SECOND:
            self._left_out += 1
            return
        self._written += 1
        line: RefusedLine = {
            **_describe(attempt.request_id, attempt.trace_id, attempt.address, attempt.api, attempt.caller),
            "cause": slug,
            "status": status,
            "left_out": self._left_out,
        }
        self._left_out = 0
        write_line(log, "handshake refused", line)


def _describe(
    request_id: str, trace_id: str | None, address: str, api: ApiDefinition | None, caller: Caller | None
) -> ConnectionLine:
    application = caller.application if caller else None
    return {
        "request_id": request_id,
        "trace_id": trace_id,
        "client": address,
        "api": api.context if api else None,
        "version": api.version if api else None,
        "application": application.id if application else None,
        "key_type": caller.key_type if caller else None,
        "user": caller.user if caller else None,
    }
