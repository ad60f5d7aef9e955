"""Who runs where: what is measured has a core of its own."""

import os
from dataclasses import dataclass

from benchmarks.harness.errors import MissingError


class TooFewCoresError(MissingError):
    """The machine can't keep the load off the core of what is measured."""


@dataclass(frozen=True, slots=True)
class Cores:
    proxy: int
    load: int


def pick_cores() -> Cores:
    """Return the last core for the proxies, as the first ones get most interrupts, and another for the load."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise TooFewCoresError("a benchmark needs two cores: one for the proxy, one for the load")
    return Cores(proxy=usable[-1], load=usable[-2])


def pinned(core: int, *command: str) -> list[str]:
    """Return the command that runs `command`, and what it starts, on one core. The process id stays the same."""
    return ["taskset", "--cpu-list", str(core), *command]
