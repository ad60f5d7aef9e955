import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.test_planes import answers, serving
from tests.support.command import Shell
from tests.support.waiting import free_port, wait_until

CLIENT_SECRET = "a secret of the tests, long enough"


@pytest.fixture
def usual_ports() -> Iterator[None]:
    """Let one test at a time have the demo's usual ports, whichever worker it runs on."""
    with Path(tempfile.gettempdir(), "framegate-usual-ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Run a control plane, and return a shell that knows a client of it, as a pipeline does."""
    port, folder = free_port(), tmp_path_factory.mktemp("control-plane")
    environment = {
        "FRAMEGATE_DATABASE_URL": f"sqlite:///{folder}/framegate.db",
        "FRAMEGATE_REDIS_URL": "redis://127.0.0.1:1/0",  # what pods are told waits
        "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8",
        "FRAMEGATE_BOOTSTRAP_CLIENT_ID": "pipeline",
        "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": CLIENT_SECRET,
    }
    with serving(folder, "control-plane", "--port", str(port), **environment) as process:
        wait_until(lambda: process.poll() is not None or answers(port, "/healthz"), within=40)
        assert process.poll() is None, (folder / "log").read_text()
        yield Shell(
            {
                "FRAMEGATE_URL": f"http://127.0.0.1:{port}",
                "FRAMEGATE_CLIENT_ID": "pipeline",
                "FRAMEGATE_CLIENT_SECRET": CLIENT_SECRET,
            }
        )
