"""Clients of the Redis, the sentinels or the cluster that a URL names."""

from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from services.data_plane.redis_cluster import Cluster
from services.data_plane.redis_failures import translating
from shared.redis_url import ClusterUrl, read_redis_url

_Sentinel: Any = Sentinel  # redis-py leaves it without types


class _Client(Redis):
    """Fails with a `RedisError`, however its connection was lost."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        execute: Any = super().execute_command  # redis-py leaves it without types
        with translating():
            return await execute(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "_Pipeline":
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class _Pipeline(Pipeline):
    async def execute(self, raise_on_error: bool = True) -> Any:
        with translating():
            return await super().execute(raise_on_error)


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
        return _Client.from_url(url, **options)
    if isinstance(found, ClusterUrl):
        nodes = [ClusterNode(*node) for node in found.nodes]
        return cast("Redis", Cluster(startup_nodes=nodes, **found.options, **options))
    sentinels = _Sentinel(found.sentinels, sentinel_kwargs={**found.asking, **options})
    return cast("Redis", sentinels.master_for(found.service, _Client, **found.options, **options))


async def look_again(redis: Redis) -> None:
    """Have a client look for the primary anew: the one that it knows is a replica now."""
    if isinstance(redis, RedisCluster):
        await redis.aclose()
    else:
        await redis.connection_pool.disconnect()


async def disconnect(redis: Redis) -> None:
    """Close a client, and what it asks sentinels with."""
    await redis.aclose()
    if isinstance(redis, RedisCluster):
        return
    if isinstance(redis.connection_pool, SentinelConnectionPool):
        await redis.connection_pool.sentinel_manager.aclose()
