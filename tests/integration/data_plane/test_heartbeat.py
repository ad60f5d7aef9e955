"""Pods tell that they live by Redis' clock, of which their own may differ."""

import asyncio

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from services.control_plane.kit.redis_client import read_time
from services.data_plane.heartbeat import Heartbeat
from services.data_plane.redis_client import connect, disconnect
from shared import keys
from shared.connections import Beat
from tests.support.redis import open_redis
from tests.support.waiting import eventually


def describe(at: float) -> Beat:
    return Beat(
        pod="pod", host="host", version="1", at=at, started_at=at, draining=False, revision=1, digest="", connections=0
    )


def make_heartbeat(redis: AsyncRedis) -> Heartbeat:
    return Heartbeat(redis, "worker", describe, lambda _: None)


def told(redis: Redis) -> float:
    """Return the time that the last beat says."""
    return Beat.model_validate_json(redis.get(keys.beat("worker")) or "").at


def count_looks(redis: Redis) -> int:
    """Return how often the clock was looked at."""
    return int(redis.info("commandstats").get("cmdstat_time", {}).get("calls", 0))


async def test_each_beat_shows_redis_time_and_few_look_at_it(redis_url: str) -> None:
    pod = connect(redis_url, seconds=2)
    with open_redis(redis_url) as redis:
        redis.config_resetstat()
        heartbeat = make_heartbeat(pod)
        for _ in range(5):
            before = read_time(redis)
            await heartbeat.beat()
            assert before - 0.5 < told(redis) < read_time(redis) + 0.5
        assert count_looks(redis) == 1 + 2 * 5  # one by the heartbeat
    await disconnect(pod)


async def test_after_a_failure_the_clock_is_looked_at_again(redis_url: str) -> None:
    pod = connect(redis_url, seconds=2)
    with open_redis(redis_url) as redis:
        redis.config_resetstat()
        beating = asyncio.ensure_future(make_heartbeat(pod).run())
        await eventually(lambda: count_looks(redis) == 1 and redis.exists(keys.beat("worker")))
        redis.client_kill_filter(_type="normal", skipme=True)
        await eventually(lambda: count_looks(redis) == 2)
        beating.cancel()
    await disconnect(pod)
