"""Clients of the Redis, or of the sentinels, that a URL names."""

from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from shared.redis_url import read_redis_url

_Sentinel: Any = Sentinel  # redis-py leaves it without types


def connect(url: str, *, seconds: float) -> Redis:
    """Return a client that waits `seconds` at most, to connect and for each answer."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "protocol": 3,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),  # the callers know better when to try again
    }
    found = read_redis_url(url)
    if found is None:
        return Redis.from_url(url, **options)
    sentinels = _Sentinel(found.sentinels, sentinel_kwargs={**found.asking, **options})
    return cast("Redis", sentinels.master_for(found.service, **found.options, **options))


async def disconnect(redis: Redis) -> None:
    """Close a client, and what it asks sentinels with."""
    await redis.aclose()
    if isinstance(redis.connection_pool, SentinelConnectionPool):
        await redis.connection_pool.sentinel_manager.aclose()
