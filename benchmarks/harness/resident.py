"""Memory of processes that is in RAM. What the kernel keeps for their sockets isn't in it."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness.family import family

_LIMIT_SECONDS = 10.0
_STEADY_SECONDS = 0.5


def resident_bytes(roots: Iterable[int]) -> int:
    """Return the resident memory of processes and of all that descend from them; what several share counts once."""
    pids = list(family(roots))
    return sum(_read(pid, "Rss" if len(pids) == 1 else "Pss") for pid in pids)


def settled_bytes(roots: Iterable[int]) -> int:
    """Return the resident memory once it has stopped changing."""
    pids = tuple(roots)
    deadline = time.monotonic() + _LIMIT_SECONDS
    before, now = -1, resident_bytes(pids)
    while now != before and time.monotonic() < deadline:
        time.sleep(_STEADY_SECONDS)
        before, now = now, resident_bytes(pids)
    return now


def _read(pid: int, name: str) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
