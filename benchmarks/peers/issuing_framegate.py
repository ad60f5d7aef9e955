"""Framegate's control plane as an issuer, with a real PostgreSQL and a real Redis."""

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from os import sched_setaffinity
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from benchmarks.harness.errors import MissingError
from benchmarks.harness.machine import describe_framegate
from benchmarks.harness.target import Site
from benchmarks.harness.tokens import Issuer
from benchmarks.peers.framegate import is_ready
from benchmarks.peers.process import python_module, running
from benchmarks.peers.redis_beside import redis_beside
from cli.network import free_port
from tests.support.postgres import NoPostgresError, serve_postgres

NAME: Final = "framegate"
_CLIENT_ID: Final = "bench"


@contextmanager
def start(site: Site) -> Iterator[Issuer]:
    port, secret = free_port(), token_urlsafe(32)
    with ExitStack() as stack:
        redis = stack.enter_context(redis_beside(site.cores.load))
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="framegate-postgres-", dir="/tmp"))
        try:
            postgres = stack.enter_context(serve_postgres(Path(name)))
        except NoPostgresError as error:
            raise MissingError(str(error)) from error
        sched_setaffinity(postgres.pid, {site.cores.load})  # and so all that it starts for connections
        env = {
            "FRAMEGATE_DATABASE_URL": f"postgresql+psycopg://framegate@/postgres?host={postgres.socket}",
            "FRAMEGATE_REDIS_URL": redis.url,
            "FRAMEGATE_SECRET_KEY": token_urlsafe(32),
            "FRAMEGATE_ADMIN_PASSWORD": token_urlsafe(16),
            "FRAMEGATE_BOOTSTRAP_CLIENT_ID": _CLIENT_ID,
            "FRAMEGATE_BOOTSTRAP_CLIENT_SECRET": secret,
        }
        command = python_module("cli.main", "control-plane", "--host=127.0.0.1", f"--port={port}", "--workers=1")
        pid = stack.enter_context(running(NAME, command, site, partial(is_ready, port), env))
        basic = f"Basic {b64encode(f'{_CLIENT_ID}:{secret}'.encode()).decode()}"
        beside = (redis.pid, postgres.pid)
        yield Issuer(NAME, port, "/oauth2/token", "/oauth2/jwks", basic, site.log(NAME), (pid,), beside)


def describe() -> str:
    return describe_framegate()
