"""All open connections of this pod: aiohttp forgets them, so this is who looks after them."""

import asyncio
import time
from dataclasses import dataclass

from services.data_plane.connection import Caller, Outcome
from services.data_plane.relay import Relay
from shared.definition import ApiDefinition


@dataclass(eq=False, slots=True)
class Connection:
    """An open connection, and who has it."""

    relay: Relay
    api: ApiDefinition
    caller: Caller
    request_id: str
    address: str
    upstream_url: str
    seen: tuple[int, ...] = ()
    seen_at: float = 0.0

    def outcome(self) -> Outcome:
        """Return what the books want to know of an ended connection."""
        relay = self.relay
        outwards, inwards = relay.client.scanner, relay.backend.scanner
        return Outcome(
            api=self.api,
            caller=self.caller,
            request_id=self.request_id,
            address=self.address,
            seconds=time.monotonic() - relay.started_at,
            cause=relay.cause,
            close_code=relay.close_code,
            messages_published=outwards.messages,
            messages_delivered=inwards.messages,
            bytes_published=outwards.payload_bytes,
            bytes_delivered=inwards.payload_bytes,
            messages_dropped=outwards.dropped,
            delayed_seconds=relay.client.delayed_seconds,
        )


class Registry:
    """The open connections."""

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self.emptied = asyncio.Event()
        self.emptied.set()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        connection.seen_at = time.monotonic()
        self._connections.add(connection)
        self.emptied.clear()

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self.emptied.set()

    def all(self) -> list[Connection]:
        return list(self._connections)

    def sweep(self, now: float) -> None:
        """Close what has expired or lay idle. Call each second; `now` is the wall clock."""
        tick = time.monotonic()
        for connection in self.all():
            activity = connection.relay.activity
            if activity != connection.seen:
                connection.seen, connection.seen_at = activity, tick
            claims, idle = connection.caller.claims, connection.api.idle_timeout_seconds
            if claims is not None and claims.exp <= now:
                connection.relay.close("token_expired")
            elif idle is not None and tick - connection.seen_at >= idle:
                connection.relay.close("idle_timeout")
