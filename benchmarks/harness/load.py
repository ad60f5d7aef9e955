"""The load generator (generator/main.c): compiled once, run once a measurement."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Any, cast

from benchmarks.harness.cores import pinned
from benchmarks.harness.cpu import spent_seconds
from benchmarks.harness.errors import LoadError, MissingError
from benchmarks.harness.tail import tail
from benchmarks.harness.target import Target

_SOURCE = Path(__file__).resolve().parents[1] / "generator"


@dataclass(frozen=True, slots=True)
class Workload:
    """In a round a client sends `up` messages at once, and the backend answers with `down` messages at once.

    Usually a connection's next round begins when the one before is over. With a `rate`, so many begin a second,
    whatever has become of those before. With `reconnect`, each has a connection of its own; `handshakes` says how many,
    if not as many as there is time for.
    """

    name: str
    connections: int
    size: int = 64
    up: int = 1
    down: int = 1
    rate: int = 0
    reconnect: bool = False
    handshakes: int = 0

    def __str__(self) -> str:
        text = (
            f"{self.name}: {self.connections} connections, {self.size} bytes, {self.up} up and {self.down} down a round"
        )
        return text + (f", {self.rate} rounds a second" if self.rate else "")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run. A message that went from one end to the other counts once, whichever way it went."""

    rounds: int
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

    @property
    def cpu_ms_a_round(self) -> float:
        return self.proxy_cpu_seconds / self.rounds * 1e3


@dataclass(frozen=True, slots=True)
class Connected:
    """Connections that are open and idle."""

    process: Popen[str]
    target: Target
    workload: Workload

    def run(self) -> Sample:
        """Load them. Nothing is under way before or after."""
        stdin, stdout = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        proxy, beside = spent_seconds(self.target.pids), spent_seconds(self.target.beside)
        stdin.write("go\n")
        stdin.flush()
        answer = stdout.readline()
        proxy, beside = spent_seconds(self.target.pids) - proxy, spent_seconds(self.target.beside) - beside
        if not answer:
            raise self.failure()
        figures: dict[str, Any] = json.loads(answer)
        return Sample(**figures, proxy_cpu_seconds=proxy, beside_cpu_seconds=beside)

    def failure(self) -> LoadError:
        said = cast("IO[str]", self.process.stderr).read().strip()
        said = said or f"the generator ended with code {self.process.wait()}"
        logged = tail(self.target.log)
        return LoadError(
            f"{self.workload.name} through {self.target.name}: {said}" + (f" (its log: {logged})" if logged else "")
        )


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

    def run(self, target: Target, workload: Workload, headers: Sequence[str] | None = None) -> Sample:
        """Load a proxy. Handshakes, warm-up and closing lie outside of what is measured, unless they are the load."""
        with self.connected(target, workload, headers) as connections:
            return connections.run()

    @contextmanager
    def connected(
        self, target: Target, workload: Workload, headers: Sequence[str] | None = None
    ) -> Iterator[Connected]:
        """Hold connections open; each has had a round at least. Their handshakes take `headers`, or the target's."""
        command = self._command(target, workload, target.headers if headers is None else headers)
        backend = self.backend.fileno()
        with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, pass_fds=[backend]) as process:
            connections = Connected(process, target, workload)
            if cast("IO[str]", process.stdout).readline() != "ready\n":
                raise connections.failure()
            yield connections
            cast("IO[str]", process.stdin).close()
            if process.wait():
                raise connections.failure()

    def _command(self, target: Target, workload: Workload, headers: Sequence[str]) -> list[str]:
        options: dict[str, object] = {
            "backend-fd": self.backend.fileno(),
            "target-port": target.port,
            "path": target.path,
            "connections": workload.connections,
            "size": workload.size,
            "up": workload.up,
            "down": workload.down,
            "warm": self.warm_seconds,
            "seconds": self.seconds,
            "rate": workload.rate or None,
            "reconnect": "" if workload.reconnect else None,
            "handshakes": workload.handshakes or None,
            "trusted": target.trusted,
        }
        if headers:
            options["headers"] = self.binary.with_suffix(".headers")
            self.binary.with_suffix(".headers").write_text("\n".join(headers))
        given = {name: value for name, value in options.items() if value is not None}
        parts = (f"--{name}={value}" if value != "" else f"--{name}" for name, value in given.items())
        return pinned(self.core, str(self.binary), *parts)


@contextmanager
def open_load(
    core: int, folder: Path, *, warm_seconds: float, seconds: float, with_tls: bool = False
) -> Iterator[Load]:
    """Compile the generator into a folder, and open the socket of its backend."""
    binary = folder / "generator"
    _compile(binary, with_tls=with_tls)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as backend:
        yield Load(binary, core, backend, warm_seconds, seconds)


def _compile(binary: Path, *, with_tls: bool) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingError("a C compiler is needed for the load generator: apt install gcc libc6-dev")
    sources = sorted(map(str, _SOURCE.glob("*.c")))
    command = [compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(binary), *sources]
    if with_tls:
        _check_openssl(compiler)
        command += ["-DWITH_TLS", "-lssl", "-lcrypto"]
    done = subprocess.run(command, stderr=PIPE, text=True, check=False)
    if done.returncode:
        raise LoadError(f"the load generator does not compile:\n{done.stderr}")


def _check_openssl(compiler: str) -> None:
    command = [compiler, "-E", "-include", "openssl/ssl.h", "-x", "c", "/dev/null", "-o", "/dev/null"]
    if subprocess.run(command, stderr=PIPE, check=False).returncode:
        raise MissingError("OpenSSL's headers are needed for the load generator's TLS: apt install libssl-dev")
