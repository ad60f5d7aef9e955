"""Redis dies while messages are counted in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.limits import Limit
from tests.integration.data_plane.throttle.test_exact import LIMIT, LONG_SECONDS, fleet, quiet, senders
from tests.support.counting import counting_backend
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.close()


async def test_no_more_passes_than_the_limit_though_redis_is_killed(redis: RedisServer, tmp_path: Path) -> None:
    """Pods that may not decide alone stop, and go on with what Redis remembers."""
    with fleet(redis.url, tmp_path, pods=2, FRAMEGATE_ON_REDIS_LOSS="deny") as running:
        async with counting_backend() as backend:
            await running.limit(backend.url, Limit(amount=LIMIT, window_seconds=LONG_SECONDS))
            await running.window(LONG_SECONDS, at_least=60)
            async with senders(running, at_least=100):
                await backend.has(LIMIT // 3)
                redis.kill()
                await quiet(backend)
                before = backend.count
                redis.start()
                await backend.has(before + 1)
                await quiet(backend)
        assert before < backend.count <= LIMIT
