"""Starting a proxy on its core."""

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import defpath
from pathlib import Path
from shutil import which
from subprocess import Popen

from benchmarks.harness.cores import pinned
from benchmarks.harness.errors import BenchmarkError, MissingError
from benchmarks.harness.tail import tail
from benchmarks.harness.target import Site
from cli import processes

_START_SECONDS = 15.0
_SYSTEM_PATH = f"/usr/sbin:/usr/local/sbin:/usr/local/bin:{defpath}"
_ROOT = Path(__file__).resolve().parents[2]

__all__ = ["accepts", "find", "python_module", "running"]


@contextmanager
def running(
    name: str, command: list[str], site: Site, ready: Callable[[], bool], env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a proxy until the block ends; yield its process id once it is ready.

    It gets an environment of its own, so that what the caller's happens to hold changes no figure.
    """
    log = site.log(name)
    with log.open("wb") as out:
        clean = {"PATH": _SYSTEM_PATH, "PYTHONPATH": str(_ROOT), **(env or {})}
        process = processes.start(pinned(site.cores.proxy, *command), log=out, env=clean)
    try:
        _wait(name, process, ready, log)
        yield process.pid
    finally:
        processes.stop(process)


def _wait(name: str, process: Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise BenchmarkError(f"{name} does not start, it ended with code {process.returncode}: {tail(log)}")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{name} does not start within {_START_SECONDS:.0f} s: {tail(log)}")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def find(program: str) -> str:
    """Return the path of a Debian program that the benchmark can't do without."""
    path = which(program, path=_SYSTEM_PATH)
    if path is None:
        raise MissingError(f"{program} is not installed: apt install nginx haproxy")
    return path


def python_module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]
