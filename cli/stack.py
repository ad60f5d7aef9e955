"""The processes of the demo: started, waited for, watched and ended together."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Self, TypeVar

from cli import processes
from cli.errors import CommandError

T = TypeVar("T")

_POLL_SECONDS = 0.05
_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    process: Popen[bytes]
    log: Path


class Stack:
    """Runs Python modules as children. Leaving the context ends them, the last started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self.children:
            processes.stop(self.children.pop().process)

    def start(self, name: str, module: str, *args: str, env: Mapping[str, str]) -> None:
        log = self._folder / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as out:
            process = processes.start([sys.executable, "-m", module, *args], log=out, env=env)
        self.children.append(_Child(name, process, log))

    def wait_for(self, what: str, answer: Callable[[], T | None], within_seconds: float = 30.0) -> T:
        """Return the first answer that is true. Raises when a child ends before, or time is up."""
        deadline = time.monotonic() + within_seconds
        while not (found := answer()):
            self.check()
            if time.monotonic() > deadline:
                tails = "\n".join(f"The last lines of the {child.name}:\n{_tail(child.log)}" for child in self.children)
                raise CommandError(f"{what} is not there after {within_seconds:.0f} s.\n{tails}")
            time.sleep(_POLL_SECONDS)
        return found

    def watch(self) -> None:
        """Return never: raise when a child ends."""
        while True:
            self.check()
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        for child in self.children:
            if (code := child.process.poll()) is not None:
                raise CommandError(f"the {child.name} ended with {code}. Its last lines:\n{_tail(child.log)}")


def _tail(log: Path) -> str:
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
