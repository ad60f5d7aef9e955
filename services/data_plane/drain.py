"""How a pod goes: it admits nobody more, and closes its connections spread over a time."""

import asyncio
import time
from collections.abc import Callable

from services.data_plane.refusal import come_back_later
from services.data_plane.registry import Registry

LAST_SECONDS = 6.0
"""For the close handshakes of the last ones."""

AT_ONCE = 100
"""So many are closed at most before others get a turn."""

_SHORTEST_PAUSE_SECONDS = 0.001


class Drain:
    """Whether this pod is going."""

    def __init__(self) -> None:
        self.draining = False

    def check(self) -> None:
        """Refuse a handshake while draining."""
        if self.draining:
            raise come_back_later("draining")

    async def run(self, registry: Registry, seconds: float) -> None:
        """Close all connections with 1012, longest idle first, evenly over `seconds`; then drop who is left."""
        self.draining = True
        await close_evenly(registry, "draining", seconds)
        for connection in registry.all():
            connection.relay.close("draining")  # it came in while this one began
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await registry.emptied.wait()
        except TimeoutError:
            for connection in registry.all():
                connection.relay.abort()


async def close_evenly(
    registry: Registry, slug: str, seconds: float, going_on: Callable[[], bool] = lambda: True
) -> None:
    """Close all connections, longest idle first, evenly over `seconds`, so that clients don't come back in a crowd."""
    connections = sorted(registry.all(), key=lambda connection: connection.liveness.seen_at)
    began = time.monotonic()
    for index, connection in enumerate(connections, 1):
        if not going_on():
            return
        connection.relay.close(slug)
        # By a schedule: short pauses are rounded, and with many connections would add up to far more.
        pause = began + seconds * index / len(connections) - time.monotonic()
        if pause >= _SHORTEST_PAUSE_SECONDS or index % AT_ONCE == 0:
            await asyncio.sleep(max(0.0, pause))
