"""Clients of the Redis, the sentinels or the cluster that a URL names."""

from typing import Any, Final, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from services.control_plane.kit.redis_cluster import Cluster
from shared.redis_url import ClusterUrl, read_redis_url

TIMEOUT_SECONDS: Final = 5.0

_Sentinel: Any = Sentinel  # redis-py leaves both without types
_ClusterNode: Any = ClusterNode


def connect(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Redis:
    """Return a client that gives up soon: whoever uses it comes again by itself."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    found = read_redis_url(url)
    if found is None:
        return Redis.from_url(url, **options)
    if isinstance(found, ClusterUrl):
        nodes = [_ClusterNode(*node) for node in found.nodes]
        return cast("Redis", Cluster(lambda: RedisCluster(startup_nodes=nodes, **found.options, **options)))
    sentinels = _Sentinel(found.sentinels, sentinel_kwargs={**found.asking, **options})
    return cast("Redis", sentinels.master_for(found.service, **found.options, **options))


def disconnect(redis: Redis) -> None:
    """Close a client, and what it asks sentinels with."""
    redis.close()
    if isinstance(redis, Cluster):
        return
    if isinstance(redis.connection_pool, SentinelConnectionPool):
        for sentinel in redis.connection_pool.sentinel_manager.sentinels:
            sentinel.close()


def read_time(redis: Redis) -> float:
    """Return Redis' clock in seconds of the epoch: the one that pods and control planes have in common."""
    seconds, microseconds = redis.time()
    return float(seconds) + float(microseconds) / 1e6
