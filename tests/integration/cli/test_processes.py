import os
import subprocess
import sys
from pathlib import Path

from cli import processes
from tests.support.waiting import wait_until

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
PARENT = f"""
import sys, time
from cli import processes
child = processes.start([sys.executable, "-c", "import time; time.sleep(60)"], log=open({os.devnull!r}, "wb"))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_a_child_dies_with_its_parent_however_that_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.kill()
    wait_until(lambda: not _runs(child))


def test_a_child_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        process = processes.start([sys.executable, "-c", STUBBORN], log=log)
    wait_until(lambda: "ready" in (tmp_path / "log").read_text())
    assert processes.stop(process, within_seconds=0.2) == -9


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
