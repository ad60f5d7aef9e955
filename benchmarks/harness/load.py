"""The load generator (generator/main.c): compiled once, run once a measurement."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any, cast

from benchmarks.harness.cores import pinned
from benchmarks.harness.cpu import spent_seconds
from benchmarks.harness.errors import LoadError, MissingError
from benchmarks.harness.target import Target

_SOURCE = Path(__file__).resolve().parents[1] / "generator"
_LOG_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Workload:
    """In a round a client sends `up` messages at once, and the backend answers with `down` messages at once."""

    name: str
    connections: int
    size: int = 64
    up: int = 1
    down: int = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. A message that went from one end to the other counts once, whichever way it went."""

    messages: int
    seconds: float
    proxy_cpu_seconds: float
    beside_cpu_seconds: float
    generator_cpu_seconds: float
    round_us: dict[str, float]

    @property
    def cpu_us(self) -> float:
        """The proxy's CPU time a message."""
        return self.proxy_cpu_seconds / self.messages * 1e6


@dataclass(frozen=True, slots=True)
class Load:
    """The generator, with the socket on which its backend listens as long as the benchmark runs."""

    binary: Path
    core: int
    backend: socket.socket
    warm_seconds: float
    seconds: float

    @property
    def backend_port(self) -> int:
        return int(self.backend.getsockname()[1])

    def run(self, target: Target, workload: Workload) -> Sample:
        """Load a proxy. Handshakes, warm-up and closing lie outside of what is measured."""
        backend = self.backend.fileno()
        with Popen(
            self._command(target, workload), stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, pass_fds=[backend]
        ) as process:
            stdin, stdout = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
            if stdout.readline() != "ready\n":
                raise _failure(process, target, workload)
            proxy, beside = spent_seconds(target.pids), spent_seconds(target.beside)
            stdin.write("go\n")
            stdin.flush()
            answer = stdout.readline()
            proxy, beside = spent_seconds(target.pids) - proxy, spent_seconds(target.beside) - beside
            stdin.close()
            if not answer or process.wait():
                raise _failure(process, target, workload)
        return _sample(json.loads(answer), proxy, beside)

    def _command(self, target: Target, workload: Workload) -> list[str]:
        options = {
            "backend-fd": self.backend.fileno(),
            "target-port": target.port,
            "path": target.path,
            "connections": workload.connections,
            "size": workload.size,
            "up": workload.up,
            "down": workload.down,
            "warm": self.warm_seconds,
            "seconds": self.seconds,
        }
        pairs = [*options.items(), *(("header", header) for header in target.headers)]
        return pinned(
            self.core, str(self.binary), *(part for name, value in pairs for part in (f"--{name}", str(value)))
        )


@contextmanager
def open_load(core: int, folder: Path, *, warm_seconds: float, seconds: float) -> Iterator[Load]:
    """Compile the generator into a folder, and open the socket of its backend."""
    binary = folder / "generator"
    _compile(binary)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as backend:
        yield Load(binary, core, backend, warm_seconds, seconds)


def _compile(binary: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingError("a C compiler is needed for the load generator: apt install gcc libc6-dev")
    sources = sorted(map(str, _SOURCE.glob("*.c")))
    command = [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(binary), *sources]
    done = subprocess.run(command, stderr=PIPE, text=True, check=False)
    if done.returncode:
        raise LoadError(f"the load generator does not compile:\n{done.stderr}")


def _failure(process: Popen[str], target: Target, workload: Workload) -> LoadError:
    said = cast("IO[str]", process.stderr).read().strip() or f"the generator ended with code {process.wait()}"
    logged = target.log.read_text(errors="replace")[-_LOG_CHARACTERS:]
    return LoadError(f"{workload.name} through {target.name}: {said}\n{logged}".rstrip())


def _sample(figures: dict[str, Any], proxy: float, beside: float) -> Sample:
    return Sample(
        messages=figures["messages"],
        seconds=figures["seconds"],
        proxy_cpu_seconds=proxy,
        beside_cpu_seconds=beside,
        generator_cpu_seconds=figures["generator_cpu_seconds"],
        round_us=figures["round_us"],
    )
