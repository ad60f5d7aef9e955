"""Autobahn's cases, driven by kosoku: in a process of its own, since its shims patch the interpreter."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli import processes
from tests.support.waiting import free_port, wait_until

KOSOKU = Path(sys.executable).with_name("kosoku")
AT_ONCE = 4
"""Most cases only wait. Long ones have 20 s each of the runner, so those go one by one."""

Cases = tuple[str, ...]
"""Cases, by their names or by patterns of them."""

RULES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
"""Framing, pings, reserved bits, opcodes, fragments, UTF-8, closes, automatic fragments."""

SIZES = ("9.*",)
"""Messages of up to 16 MiB, and fragments and chops of every size."""

DEFLATE = ("12.*", "13.*")
"""permessage-deflate: sizes, and every combination of its parameters. Some need minutes."""

DEFLATE_SAMPLE = ("12.1.3", "12.2.11", "12.4.2", "13.2.1", "13.3.3", "13.4.1", "13.5.11", "13.7.2")

EVERY_CASE_SECONDS = 3600

Verdicts = dict[str, str]
"""Of each case: what it says of the messages, of the close handshake, and which close code came."""


def drive(url: str, cases: Cases, folder: Path, at_once: int) -> Verdicts:
    """Let Autobahn's client loose on a server."""
    folder.mkdir()
    with (folder / "kosoku.log").open("wb") as log:
        process = processes.start([str(KOSOKU), url, "-p", str(at_once), "-o", str(folder), *_included(cases)], log=log)
    return _finish(process, folder, within=EVERY_CASE_SECONDS)  # the test's own limit is shorter, but with all cases


@contextmanager
def fuzzing_server(cases: Cases, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run Autobahn's server; it ends by itself once a client has asked for its reports."""
    folder.mkdir()
    address, log = f"127.0.0.1:{free_port()}", folder / "kosoku.log"
    with log.open("wb") as out:
        command = [str(KOSOKU), "-m", "fuzzingserver", address, "-o", str(folder), *_included(cases)]
        process = processes.start(command, log=out)
    try:
        wait_until(lambda: process.poll() is not None or "listening" in log.read_text(), within=20)
        assert process.poll() is None, log.read_text()
        yield f"ws://{address}", process
    finally:
        processes.stop(process)


def read_verdicts(process: subprocess.Popen[bytes], folder: Path) -> Verdicts:
    """Return what a fuzzing server has seen, once its client is done."""
    return _finish(process, folder, within=20)


def _included(cases: Cases) -> Iterator[str]:
    for case in cases:
        yield from ("-i", case)


def _finish(process: subprocess.Popen[bytes], folder: Path, within: float) -> Verdicts:
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        processes.stop(process)
        raise
    index = folder / "index.json"
    assert index.exists(), (folder / "kosoku.log").read_text()
    (of_one_agent,) = json.loads(index.read_text()).values()
    return {case: _verdict(entry) for case, entry in of_one_agent.items()}


def _verdict(entry: dict[str, Any]) -> str:
    return f"{entry['behavior']}, {entry['behaviorClose']}, {entry['remoteCloseCode']}"
