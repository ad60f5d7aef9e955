import subprocess
import sys

import pytest

from benchmarks.harness.resident import resident_bytes, settled_bytes

MIB = 1 << 20
GROW = """
import sys
for line in sys.stdin:
    held = b"x" * int(line)
    print("held", flush=True)
"""
GROW_IN_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {GROW!r}])\n"


@pytest.mark.parametrize("code", [GROW, GROW_IN_A_CHILD], ids=["alone", "in a child"])
def test_what_a_process_takes_is_seen(code: str) -> None:
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def hold(count: int) -> None:
            print(count, file=process.stdin, flush=True)
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"

        hold(1)
        before = settled_bytes([process.pid])
        hold(40 * MIB)
        grown = settled_bytes([process.pid]) - before
        process.stdin.close()

    assert grown == pytest.approx(40 * MIB, rel=0.1)


def test_nobody_takes_nothing() -> None:
    assert resident_bytes([]) == 0
