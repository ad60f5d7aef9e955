"""The pods, as an administrator sees them."""

import time

from redis import Redis

from shared import keys
from shared.connections import Beat
from tests.integration.control_plane.fleet.conftest import Fleet
from tests.integration.control_plane.platform import Platform, on_sqlite, problem

pytestmark = on_sqlite


def beat(redis: Redis, worker: str, pod: str, *, seconds: float = 5, **changes: object) -> None:
    now = time.time()  # noqa: TID251 - the pods' clock
    said = {
        "pod": pod,
        "host": "host",
        "version": "1",
        "at": now,
        "started_at": now - 60,
        "draining": False,
        "revision": 1,
        "digest": "d",
        "connections": 2,
    }
    redis.zadd(keys.PODS, {worker: now + seconds})
    redis.set(keys.beat(worker), Beat.model_validate(said | changes).model_dump_json())


async def test_a_pod_that_serves_all_is_current(fleet: Fleet) -> None:
    async with fleet.connect(await fleet.token()):
        listed = await fleet.platform.read("/admin/v1/gateways")
    (pod,) = listed["items"]
    assert (pod["id"], pod["state"], pod["workers"]) == (fleet.pod.pod.name, "serving", 1)
    assert (pod["revision"], pod["current"], pod["refused"]) == (listed["revision"], True, [])


async def test_the_workers_of_a_pod_are_one(platform: Platform, redis_client: Redis) -> None:
    beat(redis_client, "w1", "a", revision=5)
    beat(redis_client, "w2", "a", revision=4, digest="other", refused=(("api", "x", "because"),))
    listed = await platform.read("/admin/v1/gateways")
    (pod,) = listed["items"]
    assert (pod["workers"], pod["connections"], pod["revision"], pod["digest"]) == (2, 4, 4, None)
    assert (pod["current"], pod["refused"]) == (False, [{"kind": "api", "id": "x", "reason": "because"}])


async def test_a_lost_pod_and_one_that_goes_are_told_apart(platform: Platform, redis_client: Redis) -> None:
    beat(redis_client, "w1", "lost", seconds=-1)
    beat(redis_client, "w2", "going", draining=True)
    redis_client.set(keys.beat("w3"), "of another version")
    redis_client.zadd(keys.PODS, {"w3": time.time() + 5})  # noqa: TID251 - the pods' clock
    listed = await platform.read("/admin/v1/gateways")
    assert {pod["id"]: (pod["state"], pod["workers"]) for pod in listed["items"]} == {
        "lost": ("lost", 0),
        "going": ("draining", 1),
    }
    assert (await platform.read("/admin/v1/gateways", q="goi"))["total"] == 1


async def test_pods_are_for_administrators(platform: Platform) -> None:
    async with platform.account("subscriber", "store:subscribe") as subscriber:
        problem(await subscriber.get("/admin/v1/gateways"), 403, "insufficient_scope")
