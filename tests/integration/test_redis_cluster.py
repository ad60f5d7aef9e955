"""Both planes on a cluster of three nodes, which may not be there yet, and may lose one."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from services.control_plane.kit.redis_client import connect, disconnect
from services.data_plane.redis_client import connect as connect_pod
from services.data_plane.redis_client import disconnect as disconnect_pod
from services.data_plane.redis_client import look_again
from tests.support.cluster import redis_cluster
from tests.support.planes import run_planes, walk

pytestmark = pytest.mark.timeout(120)


async def test_both_planes_say_to_each_other_all_that_they_have_to(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as url:
        async with run_planes(tmp_path, url, url) as planes:
            await walk(planes)


async def get_by_pipeline(pod: Redis) -> None:
    async with pod.pipeline(transaction=False) as pipeline:
        pipeline.get("x")
        await pipeline.execute()


async def test_a_cluster_that_is_not_there_fails_as_a_redis_does_and_is_found_later(tmp_path: Path) -> None:
    nowhere = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
    redis, pod = connect(nowhere), connect_pod(nowhere, seconds=1)
    with pytest.raises(RedisConnectionError):
        redis.get("x")
    with pytest.raises(RedisConnectionError), redis.pipeline() as pipe:
        pipe.get("x")
    with pytest.raises(RedisConnectionError):
        await pod.get("x")
    with pytest.raises(RedisConnectionError):
        await get_by_pipeline(pod)
    disconnect(redis)
    await disconnect_pod(pod)


async def test_a_client_finds_its_nodes_again(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as url:
        pod = connect_pod(url, seconds=2)
        async with pod.pipeline(transaction=False) as pipe:
            for name in "abcdef":
                pipe.set(name, name)
            assert await pipe.execute() == [True] * 6
        await look_again(pod)
        assert [await pod.get(name) for name in "abcdef"] == list("abcdef")
        await disconnect_pod(pod)
