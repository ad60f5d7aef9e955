"""The scripts on a real Redis, and what becomes of calls that it doesn't answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cli.embedded import redis_server
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.scripts import (
    BUCKET,
    FAILURES_UNTIL_AWAY,
    SLOTS,
    WINDOW,
    Call,
    Scripts,
)
from tests.support.waiting import eventually

KEY = "fg:{limit:api:x:messages:publish:0}"
HOUR = 3_600_000


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def scripts(redis_url: str) -> AsyncIterator[Scripts]:
    async with connected(redis_url) as client:
        yield Scripts(client, ThrottleMetrics(CollectorRegistry()))


def connected(url: str) -> AsyncRedis:
    return AsyncRedis.from_url(url, decode_responses=True, protocol=3, socket_timeout=0.05, retry=Retry(NoBackoff(), 0))


async def run(scripts: Scripts, call: Call) -> list[int]:
    (answer,) = await scripts.run([call])
    assert answer is not None
    return answer


def window(
    amount: int,
    wanted: int,
    *,
    least: int = 1,
    returned: int = 0,
    mark: int = 0,
    window_ms: int = HOUR,
    shadow: int = 0,
) -> Call:
    return Call(WINDOW, KEY, (amount, window_ms, wanted, least, returned, mark, shadow, 100))


async def test_a_call_takes_an_eighth_of_what_is_left_at_most(scripts: Scripts) -> None:
    grants = []
    while (granted := (await run(scripts, window(100, 1000)))[0]) > 0:
        grants.append(granted)
    assert sum(grants) == 100
    assert grants[:3] == [12, 11, 9]
    assert grants[-7:] == [1] * 7


async def test_less_than_is_needed_is_not_granted(scripts: Scripts) -> None:
    assert (await run(scripts, window(100, 60, least=60)))[0] == 60
    assert (await run(scripts, window(100, 60, least=60)))[0] == 0
    assert (await run(scripts, window(100, 40, least=40)))[0] == 40


async def test_what_comes_back_in_time_is_granted_again(scripts: Scripts) -> None:
    granted, mark, _, _, _ = await run(scripts, window(8, 8, least=8))
    assert granted == 8
    assert (await run(scripts, window(8, 1)))[0] == 0
    assert (await run(scripts, window(8, 0, returned=3, mark=mark)))[3] == 5
    assert (await run(scripts, window(8, 0, returned=3, mark=mark - HOUR)))[3] == 5, "of another window"


async def test_what_was_spent_counts_when_amount_and_window_change(scripts: Scripts, redis: Redis) -> None:
    await run(scripts, window(100, 80, least=80))
    granted, _, left_ms, spent, _ = await run(scripts, window(50, 1, window_ms=HOUR // 2))
    assert (granted, spent) == (0, 80)
    assert left_ms <= HOUR // 2
    assert 0 < redis.pttl(KEY) <= HOUR // 2 + 1000


async def test_a_shadow_counts_on_beyond_its_limit(scripts: Scripts) -> None:
    await run(scripts, window(10, 10, least=10, shadow=1))
    assert (await run(scripts, window(10, 5, shadow=1)))[::3] == [5, 15]


async def test_a_bucket_fills_again(scripts: Scripts, redis: Redis) -> None:
    def call(wanted: int) -> Call:
        return Call(BUCKET, KEY, (100, 1000, wanted, wanted, 0, 0, 0, 100))

    granted, _, valid_ms, _, _ = await run(scripts, call(80))
    assert (granted, valid_ms) == (80, 100), "less by what pods may hold for a while"
    refused = await run(scripts, call(50))
    assert refused[0] == 0
    assert 300 <= refused[4] <= 500, "ms until there are 50"
    assert 0 < redis.pttl(KEY) <= 2000
    while not (await run(scripts, call(5)))[0]:  # noqa: ASYNC110 - it fills by itself
        await asyncio.sleep(0.01)


def slots(pod: str, held: int, wanted: int, number: int, **more: Any) -> Call:
    options = {"amount": 5, "silent_ms": HOUR, "free": 1, "shadow": 0} | more
    silent_ms, free, shadow = options["silent_ms"], options["free"], options["shadow"]
    return Call(SLOTS, KEY, (options["amount"], pod, held, wanted, silent_ms, number, free, shadow))


async def test_no_more_slots_than_there_are(scripts: Scripts, redis: Redis) -> None:
    assert await run(scripts, slots("a", 0, 3, 1)) == [3, 3]
    assert await run(scripts, slots("b", 0, 3, 1)) == [2, 5]
    assert await run(scripts, slots("b", 2, 3, 2)) == [0, 5]
    assert await run(scripts, slots("a", 2, 0, 2)) == [0, 4]
    assert await run(scripts, slots("b", 2, 3, 3)) == [1, 5]
    assert redis.ttl(KEY) > 0


async def test_a_late_word_changes_nothing(scripts: Scripts) -> None:
    await run(scripts, slots("a", 0, 3, 7))
    await run(scripts, slots("a", 0, 0, 6))
    assert await run(scripts, slots("b", 0, 5, 1)) == [2, 5]


async def test_a_silent_pod_loses_its_slots_unless_redis_was_away(scripts: Scripts) -> None:
    await run(scripts, slots("a", 0, 5, 1, silent_ms=1))
    await asyncio.sleep(0.01)  # the time of which Redis' clock is to see something
    assert await run(scripts, slots("b", 0, 1, 1, free=0)) == [0, 5]
    assert await run(scripts, slots("b", 0, 1, 2)) == [1, 1]


async def test_scripts_that_redis_forgot_are_loaded_again_and_nothing_is_taken_twice(
    scripts: Scripts, redis: Redis
) -> None:
    await scripts.run([window(100, 10, least=10), slots("a", 0, 0, 1)])
    redis.script_flush()
    answers = await scripts.run([window(100, 10, least=10), window(100, 10, least=10)])
    assert [answer and answer[3] for answer in answers] == [20, 30]


async def test_a_call_that_fails_leaves_the_others_their_answers(scripts: Scripts, redis: Redis) -> None:
    other = "fg:{limit:api:y:messages:publish:0}"
    redis.set(other, "not a hash")
    broken = Call(WINDOW, other, window(100, 10).arguments)
    for _ in range(2 * FAILURES_UNTIL_AWAY):
        answers = await scripts.run([broken, window(100, 10)])
        assert answers[0] == []
        assert answers[1]
        assert not scripts.away, "one key is no reason to count nothing"


async def test_a_redis_that_is_away_is_left_alone_for_a_while(redis_url: str) -> None:
    metrics = ThrottleMetrics(CollectorRegistry())
    with redis_server() as url:
        client = connected(url)
        scripts = Scripts(client, metrics)
        assert await scripts.run([window(100, 1)]) != [None]
    async with client:
        for _ in range(FAILURES_UNTIL_AWAY):
            assert not scripts.away
            assert await scripts.run([window(100, 1)]) == [None]
        assert scripts.away
        asked = calls(metrics)
        assert await scripts.run([window(100, 1)]) == [None]
        assert calls(metrics) == asked, "it is not asked"

        async def asked_again() -> bool:
            await scripts.run([window(100, 1)])
            return calls(metrics) > asked

        await eventually(asked_again, within=3)


def calls(metrics: ThrottleMetrics) -> float:
    families = metrics.calls.collect()
    return sum(sample.value for metric in families for sample in metric.samples if sample.name.endswith("_total"))
