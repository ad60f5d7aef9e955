"""All open connections of this pod: aiohttp forgets them, so this is who looks after them."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.data_plane.connection import Caller, Outcome, Route, Trace, Visitor
from services.data_plane.liveness import Liveness
from services.data_plane.relay import Relay
from services.data_plane.throttle.allotment import Allotment
from services.data_plane.ticks import tick
from services.data_plane.wheel import Wheel
from shared.definition import ApiDefinition

TURN_SECONDS: Final = 1.0


@dataclass(eq=False, slots=True)
class Connection:
    """An open connection, and who has it."""

    relay: Relay
    route: Route
    caller: Caller
    request_id: str
    visitor: Visitor
    upstream_url: str
    liveness: Liveness
    allotment: Allotment
    booked: Outcome | None = None
    """How it stood when its usage was last counted."""

    policy: str = ""
    """Of its subscription, as far as it was counted: the subscription may be gone before the connection."""

    trace: Trace | None = None

    @property
    def api(self) -> ApiDefinition:
        return self.route.api

    @property
    def address(self) -> str:
        return self.visitor.address

    @property
    def ends_at(self) -> float:
        """When its credential ends it, in seconds of the epoch; infinity is never."""
        if self.caller.expires_at is None or not self.api.close_at_expiry:
            return math.inf
        return self.caller.expires_at + self.api.expiry_grace_seconds

    def outcome(self, now: float) -> Outcome:
        """Return what the books want to know, of a connection that is open or ended, by the monotonic clock."""
        relay = self.relay
        outwards, inwards = relay.client.scanner, relay.backend.scanner
        return Outcome(
            api=self.api,
            caller=self.caller,
            request_id=self.request_id,
            address=self.address,
            upstream_url=self.upstream_url,
            trace=self.trace,
            seconds=now - relay.started_at,
            ended_at=now,
            cause=relay.cause,
            close_code=relay.close_code,
            backend_code=relay.backend_code,
            frames_published=outwards.frames,
            frames_delivered=inwards.frames,
            messages_published=outwards.messages,
            messages_delivered=inwards.messages,
            bytes_published=outwards.arrived_bytes,
            bytes_delivered=inwards.arrived_bytes,
            messages_dropped=outwards.dropped + inwards.dropped,
            delayed_seconds=relay.client.delayed_seconds + relay.backend.delayed_seconds,
            published_sizes=outwards.sizes,
            delivered_sizes=inwards.sizes,
            round_trips=dict(relay.round_trips),
            round_trip_seconds=relay.round_trip_seconds,
        )


class Registry:
    """The open connections, and the wheel that they hang on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is the wall clock in seconds."""
        self._clock = clock
        self._connections: dict[str, Connection] = {}
        self._wheel: Wheel[Connection] = Wheel(time.monotonic())
        self._new: set[Connection] = set()  # nothing is due so soon, and many are gone before the wheel turns
        self.emptied = asyncio.Event()
        self.emptied.set()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        self._connections[connection.request_id] = connection
        self._new.add(connection)
        self.emptied.clear()

    def remove(self, connection: Connection) -> None:
        self._connections.pop(connection.request_id, None)
        self._new.discard(connection)
        self._wheel.remove(connection)
        if not self._connections:
            self.emptied.set()

    def all(self) -> list[Connection]:
        return list(self._connections.values())

    def find(self, id_: str) -> Connection | None:
        return self._connections.get(id_)

    def now(self) -> float:
        return self._clock()

    def time_out(self, connection: Connection) -> None:
        """Have a connection end when its API and its credential say now."""
        now = time.monotonic()
        connection.liveness.expire_at(now + connection.ends_at - self._clock())
        self._wheel.put(connection, connection.liveness.next_due(now))

    async def run(self) -> None:
        """Turn the wheel until cancelled."""
        while True:
            await tick(TURN_SECONDS)
            self._take_in()
            now = time.monotonic()
            for connection in self._wheel.turn(now):
                due = connection.liveness.check(now)
                if connection.request_id in self._connections:
                    self._wheel.put(connection, due)

    def _take_in(self) -> None:
        """Hang what is new, and still open, on the wheel."""
        new, self._new = self._new, set()
        for connection in new:
            self.time_out(connection)
