import asyncio

from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from services.data_plane.quota import Quota
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.scripts import Scripts
from services.data_plane.throttle.slots import SlotBook
from shared.limits import Rule

RULE = Rule(unit="connections", direction="both", amount=3, counter="connections:0")
THREE = Quota("api", "x", RULE, "delay", 1.0, shadow=False)


async def test_a_pod_that_goes_while_somebody_asks_answers_everybody_once(redis_url: str) -> None:
    metrics = ThrottleMetrics(CollectorRegistry())
    async with (
        Redis.from_url(redis_url, decode_responses=True, protocol=3) as redis,
        asyncio.timeout(5),
        asyncio.TaskGroup() as group,
    ):
        book = SlotBook("pod", Scripts(redis, metrics), metrics, "deny")
        running = group.create_task(book.run())
        dials = [group.create_task(book.take(THREE)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.gather(*(book.give_back_all() for _ in range(3)))
        assert sum(await asyncio.gather(*dials)) == 3
        assert not running.done()
        running.cancel()
