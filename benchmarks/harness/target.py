"""What stands between the generator's clients and its backend, as the harness sees it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.certificate import Certificate
from benchmarks.harness.cores import Cores


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer is set up: it has to relay to `backend_port`, may write to `folder`, and stay on its core.

    It must be able to carry `connections` at once. With a certificate, its clients speak TLS.
    """

    backend_port: int
    folder: Path
    cores: Cores
    connections: int = 1024
    certificate: Certificate | None = None

    @property
    def trusted(self) -> Path | None:
        """What clients have to trust."""
        return self.certificate.certificate if self.certificate else None

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Target:
    """A proxy that runs: how clients reach the backend through it, and whose CPU time that costs.

    Each handshake sends the next of `headers`; `new_headers` makes as many as asked for that it has never seen. Clients
    speak TLS with it when `trusted` is its certificate. `beside` are processes that it needs but that aren't the proxy
    itself, such as a Redis; they are accounted apart. `questions` says how many scripts that Redis has run so far.
    """

    name: str
    port: int
    log: Path
    path: str = "/"
    headers: tuple[str, ...] = ()
    new_headers: Callable[[int], list[str]] | None = None
    trusted: Path | None = None
    pids: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    questions: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy that can be measured."""

    name: str
    start: Callable[[Site], AbstractContextManager[Target]]
    version: Callable[[], str]
