"""A PostgreSQL to do harm to, and a standby that takes over from it."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from tests.support.postgres import NOT_DURABLE, find_binaries, make_cluster, postgres_user, run_to_end
from tests.support.processes import descendants
from tests.support.program import Program
from tests.support.waiting import free_port, wait_until


class PostgresServer:
    """It keeps its port, and on disk what it was told."""

    def __init__(self, folder: Path, name: str, binaries: Path | None = None) -> None:
        self._folder = folder
        self._binaries = binaries or find_binaries(folder)
        self._user = postgres_user()
        self._data = folder / name
        self._data.mkdir(0o700)
        if self._user:
            folder.chmod(0o755)
            shutil.chown(self._data, self._user)
        self.port = free_port()
        place = (f"port={self.port}", "listen_addresses=127.0.0.1")
        settings = (*place, *NOT_DURABLE, "synchronous_commit=on")  # what is committed outlives the process
        options = [part for setting in settings for part in ("-c", setting)]
        command: list[str | Path] = [self._binaries / "postgres", "-D", self._data, "-k", self._data, *options]
        self.program = Program(name, folder, command, user=self._user)

    def make(self) -> None:
        """Have it hold an empty database."""
        make_cluster(self._binaries, self._data, self._user)

    def start(self) -> None:
        self.program.start()
        wait_until(self._answers, within=20)

    def kill(self) -> None:
        """End it as a crash does, with all that serve its connections."""
        for pid in self._pids():
            _signal(pid, signal.SIGKILL)
        self.program.kill()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Let it do nothing for a while, with all its connections open."""
        with ExitStack() as stack:
            for pid in self._pids():
                _signal(pid, signal.SIGSTOP)
                stack.callback(_signal, pid, signal.SIGCONT)
            yield

    def add_standby(self, name: str) -> "PostgresServer":
        """Start another that follows this one."""
        standby = PostgresServer(self._folder, name, self._binaries)
        source = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "framegate"]
        copy: list[str | Path] = [
            self._binaries / "pg_basebackup",
            *source,
            "-D",
            standby._data,
            "-R",
            "-c",
            "fast",
            "--no-sync",
        ]
        run_to_end(copy, self._folder / f"{name}-copy.log", self._user)
        standby.start()
        return standby

    def has_all_of(self, other: "PostgresServer") -> bool:
        """Tell whether it follows, and has replayed what another has written by now."""
        written = other.ask("SELECT pg_current_wal_flush_lsn()")
        return bool(self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'"))

    def promote(self) -> None:
        """Have it take over."""
        assert self.ask("SELECT pg_promote()")

    def ask(self, question: str) -> object:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row and row[0]

    def _pids(self) -> list[int]:
        pid = self.program.pid
        return [pid, *descendants(pid)] if pid else []

    @property
    def _dsn(self) -> str:
        return f"postgresql://framegate@127.0.0.1:{self.port}/postgres?connect_timeout=2"

    def _answers(self) -> bool:
        assert self.program.pid is not None, self.program.said
        try:
            return self.ask("SELECT 1") == 1
        except psycopg.OperationalError:
            return False


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself meanwhile
        os.kill(pid, number)
