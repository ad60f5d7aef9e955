import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def usual_ports() -> Iterator[None]:
    """Let one test at a time have the demo's usual ports, whichever worker it runs on."""
    with Path(tempfile.gettempdir(), "framegate-usual-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
