import subprocess
import sys

from benchmarks.harness.cpu import spent_seconds

_BURN = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\n"
_BURN_IN_A_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {_BURN + "print('done', flush=True); input()"!r}])
child.wait()
"""


def test_the_cpu_time_of_descendants_counts() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _BURN_IN_A_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        spent = spent_seconds([process.pid])
        process.stdin.close()

    assert 0.2 <= spent < 5


def test_nobody_spends_nothing() -> None:
    assert spent_seconds([]) == 0
