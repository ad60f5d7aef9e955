"""Framegate's data plane with a real Redis and a caller with a token: metered, and with no limit to meter.

Metered is what ordinary use costs: every message is checked, counted, and debited from a subscription's and an
application's limit, both so large that they are never reached.
"""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import sched_setaffinity

import redis

from benchmarks.harness.errors import MissingError
from benchmarks.harness.machine import describe_framegate
from benchmarks.harness.target import Peer, Site, Target
from benchmarks.peers.framegate_catalogue import PATH, publish, sign_token
from benchmarks.peers.process import python_module, running
from cli.embedded import NoRedisError, redis_server
from cli.network import free_port
from shared.limits import Limit

_METERED = (Limit(unit="messages", amount=10**12, window_seconds=60, direction="both"),)


@contextmanager
def start(name: str, limits: tuple[Limit, ...], site: Site) -> Iterator[Target]:
    with _redis(site.cores.load) as (url, redis_pid):
        token = sign_token(publish(url, limits, site.backend_port))
        port, ops_port = free_port(), free_port()
        options = {"host": "127.0.0.1", "port": port, "ops-port": ops_port}
        command = python_module("cli.main", "data-plane", *(f"--{key}={value}" for key, value in options.items()))
        env = {"FRAMEGATE_REDIS_URL": url, "FRAMEGATE_ENDPOINT_ALLOW": "127.0.0.0/8", "FRAMEGATE_DRAIN_SECONDS": "0"}
        with running(name, command, site, partial(_is_ready, ops_port), env) as pid:
            headers = (f"Authorization: Bearer {token}",)
            yield Target(name, port, site.log(name), PATH, headers, pids=(pid,), beside=(redis_pid,))


@contextmanager
def _redis(core: int) -> Iterator[tuple[str, int]]:
    """Run a Redis on a core; yield its URL and its process id."""
    try:
        with redis_server() as url:
            with redis.Redis.from_url(url) as client:
                pid = int(client.info("server")["process_id"])
            sched_setaffinity(pid, {core})
            yield url, pid
    except NoRedisError as error:
        raise MissingError(str(error)) from error


def _is_ready(ops_port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", ops_port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


FRAMEGATE = Peer("framegate", partial(start, "framegate", _METERED), describe_framegate)
FRAMEGATE_UNLIMITED = Peer("framegate-unlimited", partial(start, "framegate-unlimited", ()), describe_framegate)
