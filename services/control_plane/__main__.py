"""Serves the control plane."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

import uvicorn
from alembic.util import CommandError
from fastapi import FastAPI
from pydantic import ValidationError

from services.control_plane.app import create_app
from services.control_plane.kit import migrate as migrations
from services.control_plane.settings import Settings
from shared import logs

DEFAULT_PORT: Final = 8000

_BUILD: Final = "services.control_plane.__main__:build"
_GRACEFUL_SECONDS: Final = 30
_MAX_CONNECTIONS: Final = 1000


def serve(*, host: str, port: int, workers: int, migrate: bool) -> None:
    """Serve until told to stop. Migrations come first, unless they are left to somebody else."""
    settings = read_settings()
    logs.install(settings)
    _prepare_schema(settings.database_url, migrate=migrate)
    uvicorn.run(
        _BUILD,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        ws="none",
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        server_header=False,
        log_config=None,  # its lines go where ours do
        access_log=False,  # it would write queries: the metrics' middleware writes a line of its own
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def build() -> FastAPI:
    """Build the application of one worker."""
    settings = read_settings()
    logs.install(settings)
    return create_app(settings)


def read_settings() -> Settings:
    """Read the environment, or end with a line for each setting that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        sys.exit("\n".join(_explain(list(map(str, item["loc"])), item["msg"]) for item in error.errors()))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.control_plane", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-migrate", action="store_true")
    options = parser.parse_args(argv)
    serve(host=options.host, port=options.port, workers=options.workers, migrate=not options.no_migrate)
    return 0


def _prepare_schema(url: str, *, migrate: bool) -> None:
    """Bring the schema up to date, or at least see that it is; end with a line where it can't be."""
    try:
        if migrate:
            migrations.upgrade(url)
        found, needed = migrations.current(url), migrations.latest()
    except CommandError as error:
        sys.exit(f"The database can't be migrated by this version: {error}")
    if found != needed:
        sys.exit(
            f"The database is at revision {found or 'base'}, this version needs {needed}: framegate migrate upgrade"
        )


def _explain(place: Sequence[str], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"FRAMEGATE_{place[0].upper()}: {text}" if place else text


if __name__ == "__main__":
    sys.exit(main())
