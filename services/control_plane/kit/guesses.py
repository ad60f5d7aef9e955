"""Who guesses at secrets waits longer and longer."""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from services.control_plane.kit.clock import Clock

FREE_FAILURES: Final = 5
MAX_DELAY: Final = timedelta(minutes=1)
FORGOTTEN_AFTER: Final = timedelta(minutes=15)
MAX_GUESSERS: Final = 10_000

Guesser = tuple[str, str]
"""Whose secret is guessed, and from which address: so nobody is locked out from elsewhere. It is kept as a digest."""


@dataclass(slots=True)
class _Record:
    failures: int
    last: datetime


class Guesses:
    """Counts failures in this process. When there are too many guessers, who failed longest ago is forgotten."""

    def __init__(self, clock: Clock, free_failures: int = FREE_FAILURES) -> None:
        self._clock = clock
        self._free = free_failures
        self._records: OrderedDict[bytes, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, guesser: Guesser) -> int:
        """Return for how long a guesser must not try again, or 0."""
        with self._lock:
            record = self._records.get(_digest(guesser))
            if record is None or record.failures < self._free:
                return 0
            delay = min(MAX_DELAY, timedelta(seconds=2 ** min(record.failures - self._free, 10)))
            return max(0, ceil((record.last + delay - self._clock()).total_seconds()))

    def failed(self, guesser: Guesser) -> None:
        now, key = self._clock(), _digest(guesser)
        with self._lock:
            record = self._records.pop(key, None)
            failures = record.failures if record and record.last > now - FORGOTTEN_AFTER else 0
            self._records[key] = _Record(failures + 1, now)
            if len(self._records) > MAX_GUESSERS:
                self._records.popitem(last=False)

    def succeeded(self, guesser: Guesser) -> None:
        with self._lock:
            self._records.pop(_digest(guesser), None)


def _digest(guesser: Guesser) -> bytes:
    """Names come from outside, and may be a body long."""
    return hashlib.sha256("\0".join(guesser).encode("utf-8", "surrogatepass")).digest()
