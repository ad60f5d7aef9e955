"""The demo as a user runs it: a process, and what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

COMMAND = [sys.executable, "-m", "cli.main", "demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    process: subprocess.Popen[bytes]
    out: Path

    @property
    def said(self) -> str:
        return self.out.read_text()

    def find(self, pattern: str) -> str:
        """Return the first group of what a pattern finds in what was said."""
        found = re.search(pattern, self.said)
        assert found, self.said
        return found[1]


@contextmanager
def running(folder: Path, *args: str | Path) -> Iterator[Demo]:
    """Run the demo until it says what to try; kill it at the end if it still runs."""
    out = folder / "out"
    # What a killed one can't remove stays in the test's own folder.
    environment = {**os.environ, "TMPDIR": str(folder)}  # noqa: TID251 - handed on, not read
    with out.open("wb") as file:
        process = subprocess.Popen([*COMMAND, *args], env=environment, stdout=file, stderr=file, start_new_session=True)
    demo = Demo(process, out)
    try:
        wait_until(lambda: process.poll() is not None or "Try it" in demo.said, within=60)
        assert process.poll() is None, demo.said
        yield demo
    finally:
        process.kill()
        process.wait()
