"""A process that is killed, halted and started again."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from cli import processes


class Program:
    """A command that runs, or doesn't just now. Its log goes on from one run to the next."""

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._env = {"PATH": os.defpath, **(env or {})}
        self._user = user
        self._process: Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Which process it is, or None where it doesn't run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def start(self) -> None:
        """Start it. It ends with the thread that calls this."""
        assert self.pid is None, f"{self.name} runs"
        with self.log.open("ab") as out:
            self._process = processes.start(self._command, log=out, env=self._env, user=self._user)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Let it do nothing for a while, with all its connections open."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)  # to nobody else: it looks whether the process has ended
