"""CPU time of processes, from the scheduler's accounts."""

import time
from collections.abc import Iterable

from benchmarks.harness.family import family


def spent_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time, user and system, of processes and of all that descend from them."""
    return sum(_spent_nanoseconds(pid) for pid in family(roots)) / 1e9


def _spent_nanoseconds(pid: int) -> int:
    # Linux derives the clock of a process from its id: clock_getcpuclockid(3). It sums its threads' run times as
    # /proc/PID/task/*/schedstat has them; /proc/PID/stat counts in ticks of 10 ms.
    return time.clock_gettime_ns((~pid << 3) | 2)
