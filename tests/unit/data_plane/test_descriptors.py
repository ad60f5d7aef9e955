"""Limits of this process can't be raised again once they are low: each case has a process of its own."""

import subprocess
import sys

import pytest

CODE = """
import resource, sys
from services.data_plane.descriptors import count_connections, raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
print(raise_limit(), count_connections())
"""


def run(soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, str(soft), str(hard)], capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(("soft", "hard", "expected"), [(300, 1128, "1128 500"), (1000, 1000, "1000 436")])
def test_the_limit_is_raised_and_two_descriptors_make_a_connection(soft: int, hard: int, expected: str) -> None:
    assert run(soft, hard).stdout.strip() == expected


def test_a_limit_that_is_of_no_use_is_an_error_in_words() -> None:
    ran = run(100, 200)
    assert ran.returncode
    assert "only 200 files may be open (ulimit -n), and each connection takes two: at least 256" in ran.stderr
