"""Refuses handshakes that this pod has no means for, so that the connections that are open don't suffer.

Those of sandbox keys are refused first: a fifth of the rate, and the second half of the lag, is for production alone.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.data_plane.refusal import come_back_later
from services.data_plane.ticks import lull, tick
from shared.definition import KeyType

WATCH_SECONDS: Final = 0.5
LOOKS_A_READING: Final = 2
MOST_LAG_SECONDS: Final = 0.5
"""On average, of the event loop: one stop, such as a machine that is moved, is no overload."""
MOST_MEMORY: Final = 0.9
"""Of what the container may take: beyond, the kernel would kill all connections at once."""

_WEIGHT: Final = 0.3
_FOR_PRODUCTION: Final = 0.2
_CGROUP: Final = Path("/sys/fs/cgroup")


class Overload:
    """What is measured of this pod, and a token bucket of handshakes that holds those of one second."""

    def __init__(
        self, handshakes_per_second: int | None, clock: Callable[[], float] = time.monotonic, cgroup: Path = _CGROUP
    ) -> None:
        self.lag_seconds = 0.0
        self.memory = 0.0  # the share of what may be taken
        self._rate = handshakes_per_second
        self._tokens = float(handshakes_per_second or 0)
        self._clock = clock
        self._filled_at = clock()
        self._cgroup = cgroup

    async def watch(self) -> None:
        """Measure, until cancelled."""
        while True:
            self.memory = _read_memory(self._cgroup)
            for _ in range(LOOKS_A_READING):
                self.lag_seconds += _WEIGHT * (await tick(WATCH_SECONDS) - self.lag_seconds)
            await lull()  # a second one: the files take long

    def check(self) -> None:
        """Refuse a handshake before anything is spent on it. Raises `RefusedError`."""
        if self.lag_seconds > MOST_LAG_SECONDS or self.memory > MOST_MEMORY or not self._take():
            raise come_back_later("overloaded")

    def check_caller(self, key_type: KeyType) -> None:
        """Refuse a handshake of a sandbox key while things get tight. Raises `RefusedError`."""
        if key_type == "SANDBOX" and (
            self.lag_seconds > MOST_LAG_SECONDS / 2
            or (self._rate is not None and self._tokens < _FOR_PRODUCTION * self._rate)
        ):
            raise come_back_later("overloaded", "Handshakes with sandbox keys have to wait.")

    def _take(self) -> bool:
        if self._rate is None:
            return True
        now = self._clock()
        self._tokens = min(float(self._rate), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _read_memory(cgroup: Path) -> float:
    """Return the share of its memory that a container's working set takes, 0 where there is no limit (cgroup v2)."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return 0.0
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        taken = int((cgroup / "memory.current").read_text()) - int(stat["inactive_file"])
        return taken / int(limit)
    except (OSError, ValueError, KeyError):
        return 0.0
