"""A proxy that does not start says why, in one line."""

import os
from pathlib import Path

import pytest

from benchmarks.harness.cores import Cores
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.target import Site
from benchmarks.peers.process import python_module, running

CORE = min(os.sched_getaffinity(0))


def test_the_end_of_its_log_is_in_the_message(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("print('listening soon')\nraise SystemExit('no such option: --fast')\n")
    site = Site(1, tmp_path, Cores(CORE, CORE))

    with (
        pytest.raises(BenchmarkError) as caught,
        running("broken", python_module("broken"), site, lambda: False, {"PYTHONPATH": str(tmp_path)}),
    ):
        pass

    assert str(caught.value).startswith("broken does not start, it ended with code 1: ")
    assert "no such option: --fast" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
