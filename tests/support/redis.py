from collections.abc import Iterator

import pytest
import redis

from cli.embedded import redis_server


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    """Run a Redis for this test worker."""
    with redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """Return the URL of a Redis that is empty."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url
