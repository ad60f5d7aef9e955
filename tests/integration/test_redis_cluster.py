"""Both planes on a cluster of three nodes, which may not be there yet, and across a failover."""

import asyncio
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from services.control_plane.kit.redis_client import connect, disconnect
from services.data_plane.redis_client import connect as connect_pod
from services.data_plane.redis_client import disconnect as disconnect_pod
from services.data_plane.redis_client import look_again
from shared import keys
from tests.support.cluster import redis_cluster
from tests.support.planes import POLICY, Planes, run_planes, walk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(120)


async def test_both_planes_say_to_each_other_all_that_they_have_to(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        async with run_planes(tmp_path, cluster.url, cluster.url) as planes:
            await walk(planes)


async def test_a_cluster_that_is_not_there_fails_as_a_redis_does_and_is_found_later(tmp_path: Path) -> None:
    nowhere = "redis+cluster://127.0.0.1:1,127.0.0.1:2"
    redis, pod = connect(nowhere), connect_pod(nowhere, seconds=1)
    with pytest.raises(RedisConnectionError):
        redis.get("x")
    with pytest.raises(RedisConnectionError), redis.pipeline() as pipe:
        pipe.get("x")
    with pytest.raises(RedisConnectionError):
        await pod.get("x")
    pipeline = pod.pipeline(transaction=False)
    pipeline.get("x")
    with pytest.raises(RedisConnectionError):
        await pipeline.execute()
    disconnect(redis)
    await disconnect_pod(pod)


async def test_who_loses_a_connection_to_another_s_search_for_nodes_sees_no_other_error(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster:
        pod = connect_pod(cluster.url, seconds=2)
        errors: list[Exception] = []

        async def follow(number: int) -> None:
            for _ in range(50):
                try:
                    await pod.xread({f"stream {number}": "0"}, block=1)
                except RedisError as error:
                    errors.append(error)

        async with asyncio.TaskGroup() as group:
            for number in range(8):
                group.create_task(follow(number))
            for _ in range(50):
                await look_again(pod)
                await asyncio.sleep(0.001)
        assert errors, "connections were closed beneath those who followed"
        await disconnect_pod(pod)


async def test_both_planes_go_on_after_a_failover(tmp_path: Path) -> None:
    with redis_cluster(tmp_path, replicas=1) as cluster:
        async with run_planes(tmp_path, cluster.url, cluster.url) as planes:
            await planes.caught_up()
            cluster.primary_of(keys.CATALOGUE_STATE).process.kill()
            await planes.platform.made("/admin/v1/policies", POLICY | {"name": "New"})
            await planes.caught_up(within=30)
            await eventually(lambda: is_current(planes), within=15)
            await walk(planes)


async def is_current(planes: Planes) -> bool:
    """Tell whether the pod could say that it has what was published."""
    answer = await planes.platform.client.get("/admin/v1/gateways")
    return answer.status_code == 200 and [pod["current"] for pod in answer.json()["items"]] == [True]
