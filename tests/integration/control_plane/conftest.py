"""A whole control plane in this process, on a real Redis and a database of each kind."""

import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from redis import Redis
from sqlalchemy import Engine, event

from services.control_plane.app import create_app
from services.control_plane.kit import migrate
from services.control_plane.metrics import Metrics
from services.control_plane.settings import Settings
from services.control_plane.tables import METADATA
from shared.logs import JsonFormatter
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, BentClock, Platform, Start
from tests.support.canaries import Canaries, check_nothing_leaked, dump_database, dump_redis

_DATABASE = "control_plane"


@event.listens_for(Engine, "connect")
def make_not_durable(connection: object, _: object) -> None:
    """Have SQLite wait for no disk, as the tests' PostgreSQL doesn't."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate a SQLite database once, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_tables(postgres_folder: Path) -> str:
    """Migrate a PostgreSQL database once, to be emptied for each test, and return its URL."""
    with psycopg.connect(_dsn(postgres_folder, "postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {_DATABASE}")
    url = f"postgresql+psycopg://framegate@/{_DATABASE}?host={postgres_folder}"
    migrate.upgrade(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database whose tables are empty: the test runs on each kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "framegate.db")
        return f"sqlite:///{tmp_path}/framegate.db"
    url: str = request.getfixturevalue("postgresql_tables")
    tables = ", ".join(METADATA.tables)
    made_by_migration = "INSERT INTO organisation VALUES (1, 'default', '', now(), now())"
    with psycopg.connect(_dsn(request.getfixturevalue("postgres_folder"), _DATABASE), autocommit=True) as admin:
        admin.execute("SET lock_timeout = '5s'")
        admin.execute(f"TRUNCATE {tables} RESTART IDENTITY")
        admin.execute(made_by_migration)
    return url


@pytest.fixture
def settings(migrated_url: str, redis_url: str) -> Settings:
    return Settings(
        database_url=migrated_url,
        redis_url=redis_url,
        secret_key="a key of the tests, of 32 characters or more",
        admin_password="a password of the tests",
        bootstrap_client_id=CLIENT_ID,
        bootstrap_client_secret=CLIENT_SECRET,
        endpoint_allow="127.0.0.0/8",
    )


@pytest.fixture
def clock() -> BentClock:
    return BentClock()


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Have all logged that we can log."""
    with caplog.at_level(logging.DEBUG, "services"):
        yield caplog


@pytest.fixture
def started(settings: Settings, clock: BentClock, loud: pytest.LogCaptureFixture) -> Start:
    """Return how to run the control plane, for tests that start it more than once or with other settings.

    What ends well is looked through: no secret that went over the wire may be kept in clear.
    """
    canaries = Canaries()
    canaries.add(
        secret_key=settings.secret_key.get_secret_value() if settings.secret_key else "",
        admin_password=settings.first_password or "",
        bootstrap_client_secret=CLIENT_SECRET,
    )

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[Platform]:
        app = create_app(settings.model_copy(update=changes), clock)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://control-plane", event_hooks=canaries.hooks
            ) as client,
        ):
            platform = Platform(app, settings, client, clock)
            yield platform
            check_nothing_leaked(
                canaries,
                {
                    "database": dump_database(platform.database.engine),
                    "Redis": dump_redis(settings.redis_url),
                    "log": loud.text,
                    "lines": "\n".join(JsonFormatter().format(record) for record in loud.records),
                    "metrics": platform.get(Metrics).render().decode(),
                },
            )

    return start


@pytest.fixture
async def platform(started: Start) -> AsyncIterator[Platform]:
    """Run the control plane for one test, signed in as the bootstrap account."""
    async with started() as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        yield platform


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Redis]:
    """Look into Redis as a pod does."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield redis


def _dsn(folder: Path, database: str) -> str:
    return f"postgresql://framegate@/{database}?host={folder}"
