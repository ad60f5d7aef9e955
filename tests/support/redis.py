from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from cli.embedded import redis_server
from services.control_plane.kit.redis_client import connect, disconnect
from tests.support.cluster import redis_cluster

on_each_redis = pytest.mark.parametrize("redis_server_url", ["single", "cluster"], indirect=True, scope="session")
"""Run tests on one Redis, and on a cluster of three nodes."""


@pytest.fixture(scope="session")
def redis_server_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Redis for this test worker."""
    if getattr(request, "param", "single") == "cluster":
        with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
            yield cluster.url
    else:
        with redis_server() as url:
            yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """Return the URL of a Redis that is empty."""
    with open_redis(redis_server_url) as redis:
        redis.flushall()
    return redis_server_url


@contextmanager
def open_redis(url: str) -> Iterator[Redis]:
    """Look into a Redis of whatever form."""
    redis = connect(url)
    yield redis
    disconnect(redis)
