"""A cluster's client that fails as one of a single Redis does: with a `RedisError`."""

from typing import Any

from redis.asyncio.cluster import ClusterPipeline, RedisCluster
from redis.exceptions import RedisError

from services.data_plane.redis_failures import translating

_Cluster: Any = RedisCluster  # redis-py leaves both without types
_Pipeline: Any = ClusterPipeline


class Cluster(_Cluster):  # type: ignore[misc]  # for the same reason
    """Looks for the nodes when it is first used, and anew whenever one fails."""

    async def initialize(self, *args: Any, **kwargs: Any) -> Any:
        with translating():
            return await super().initialize(*args, **kwargs)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        with translating():
            return await super().execute_command(*args, **kwargs)

    def pipeline(self, *, transaction: bool = True) -> "Pipeline":
        return Pipeline(self, transaction)


class Pipeline(_Pipeline):  # type: ignore[misc]  # for the same reason
    """Commands of one slot in a transaction, or of many without one."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        try:
            with translating():
                return await super().execute(*args, **kwargs)
        except RedisError as error:
            if isinstance(error, RedisCluster.ERRORS_ALLOW_RETRY):
                await self.cluster_client.aclose()  # without retries it would keep to the nodes that it knows
            raise
