"""What happens on connections, told to those who watch: bounded, and at no cost while nobody does."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.data_plane.connection import Attempt, Caller
from services.data_plane.registry import Connection
from services.data_plane.selecting import matches, selects
from services.data_plane.tap import Tap
from shared import keys
from shared.connections import WatchConnections
from shared.definition import ApiDefinition
from shared.problems import Problem
from shared.tail import STREAM_BATCHES, STREAM_SECONDS, TAIL_SECONDS, Direction, TailBatch, TailEvent

log = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.25
MOST_EVENTS: Final = 50
"""Of one tail, between two pauses. Those beyond are counted, and left out."""

MOST_MESSAGES: Final = 40
"""Of those: messages leave room for what opens and closes."""

MOST_TAILS: Final = 20
MOST_TAPPED: Final = 1000
"""So many connections are looked at for messages. Of those beyond there is only what opens and closes."""

SEND_SECONDS: Final = 1.0


class Tail:
    """What one watches."""

    __slots__ = ("events", "id", "messages", "sample", "selection", "since", "total", "until")

    def __init__(self, question: WatchConnections, since: float) -> None:
        self.id = question.id
        self.selection = question.selection
        self.sample = question.sample
        self.since = since
        self.until = 0.0
        self.events: list[TailEvent] = []
        self.total = 0  # all events so far, those left out too
        self.messages = 0

    def admits(self, most: int = MOST_EVENTS) -> bool:
        """Count an event, and tell whether there is room for it."""
        self.total += 1
        return len(self.events) < most

    def draws(self) -> bool:
        """Tell whether it is this message's turn."""
        self.messages += 1
        return self.messages % self.sample == 0

    def take(self, worker: str) -> TailBatch:
        events, self.events = tuple(self.events), []
        return TailBatch(worker=worker, since=self.since, total=self.total, events=events)


class Tails:
    """All that are watched on this worker."""

    def __init__(self, redis: Redis, worker: str, clock: Callable[[], float]) -> None:
        """`clock` is the wall clock in seconds."""
        self._redis = redis
        self._worker = worker
        self._clock = clock
        self._tails: dict[str, Tail] = {}
        self._taps: dict[Connection, tuple[Tap, Tap]] = {}
        self._some = asyncio.Event()

    def has_room(self, id_: str) -> bool:
        """Tell whether a tail is there, or may come."""
        return id_ in self._tails or len(self._tails) < MOST_TAILS

    def watch(self, question: WatchConnections) -> bool:
        """Go on with what is watched, and tell whether it is new. Ask first whether there is room."""
        tail, new = self._tails.get(question.id), False
        if tail is None:
            tail, new = Tail(question, self._clock()), True
            self._tails[question.id] = tail
            self._some.set()
        tail.until = time.monotonic() + TAIL_SECONDS
        return new

    def follow(self, id_: str, connections: Iterable[Connection]) -> None:
        """Look at the messages of connections that were open before."""
        if id_ in self._tails:
            for connection in connections:
                self._tap(connection)

    def note_refused(self, attempt: Attempt, problem: Problem) -> None:
        """Tell of a handshake that was refused, as far as it is known whose it was."""
        for tail in self._tails.values():
            whose = (attempt.api, attempt.caller)
            if matches(tail.selection, *whose, attempt.address, attempt.request_id) and tail.admits():
                who = _describe(*whose, attempt.request_id, attempt.address)
                event = TailEvent(event="refused", at=self._clock(), cause=problem.slug, code=problem.status, **who)
                tail.events.append(event)

    def note_opened(self, connection: Connection) -> None:
        if self._tails and self._tell(connection, event="opened"):
            self._tap(connection)

    def note_closed(self, connection: Connection) -> None:
        if self._tails:
            self._taps.pop(connection, None)
            outcome = connection.outcome(time.monotonic())
            self._tell(
                connection,
                event="closed",
                cause=outcome.cause,
                code=outcome.close_code,
                seconds=round(outcome.seconds, 3),
                messages_published=outcome.messages_published,
                messages_delivered=outcome.messages_delivered,
                bytes_published=outcome.bytes_published,
                bytes_delivered=outcome.bytes_delivered,
            )

    async def run(self) -> None:
        """Send what there is until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Send what happened, and end what nobody asks for any more."""
        for tail in list(self._tails.values()):
            if tail.events:
                await self._send(tail)
            if time.monotonic() >= tail.until:
                self._end(tail)

    async def _send(self, tail: Tail) -> None:
        """Send a batch. One that can't be sent is left out, as the next one tells."""
        batch, stream = tail.take(self._worker), keys.tail(tail.id)
        try:
            async with asyncio.timeout(SEND_SECONDS), self._redis.pipeline(transaction=False) as pipe:
                text = batch.model_dump_json(exclude_none=True)
                pipe.xadd(stream, {"batch": text}, maxlen=STREAM_BATCHES, approximate=False)
                pipe.expire(stream, STREAM_SECONDS)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("%d events of a tail are left out: %s", len(batch.events), error)

    def _end(self, tail: Tail) -> None:
        self._tails.pop(tail.id, None)
        for connection in [tapped for tapped in self._taps if not self._watching(tapped)]:
            for tap in self._taps.pop(connection):
                tap.close()
        if not self._tails:
            self._some.clear()

    def _watching(self, connection: Connection) -> list[Tail]:
        return [tail for tail in self._tails.values() if selects(tail.selection, connection)]

    def _tell(self, connection: Connection, **what: Any) -> bool:
        """Tell those who watch a connection, and whether there are any."""
        tails = self._watching(connection)
        for tail in tails:
            if tail.admits():
                tail.events.append(self._event(connection, **what))
        return bool(tails)

    def _event(self, connection: Connection, **what: Any) -> TailEvent:
        who = _describe(connection.api, connection.caller, connection.request_id, connection.address)
        return TailEvent(at=self._clock(), **what, **who)

    def _tap(self, connection: Connection) -> None:
        relay = connection.relay
        if connection in self._taps or relay.ended or len(self._taps) >= MOST_TAPPED:
            return
        taps = (
            Tap(relay.client, partial(self._note_messages, connection, "publish"), masked=True),
            Tap(relay.backend, partial(self._note_messages, connection, "subscribe"), masked=False),
        )
        self._taps[connection] = taps
        for tap in taps:
            tap.open()

    def _note_messages(
        self, connection: Connection, direction: Direction, found: Sequence[tuple[int, int]], more: int
    ) -> None:
        """Tell of messages, of which each is a size and a number of frames, and of how many more there were."""
        for tail in self._watching(connection):
            for size, frames in found:
                if tail.draws() and tail.admits(MOST_MESSAGES):
                    tail.events.append(
                        self._event(connection, event="message", direction=direction, size=size, frames=frames)
                    )
            tail.total += more // tail.sample


def _describe(api: ApiDefinition | None, caller: Caller | None, id_: str, address: str) -> dict[str, Any]:
    application = caller.application if caller else None
    return {
        "connection": id_,
        "address": address,
        "api_id": api.id if api else None,
        "context": api.context if api else None,
        "version": api.version if api else None,
        "application_id": application.id if application else None,
        "application": application.name if application else None,
        "key_type": caller.key_type if caller else None,
    }
