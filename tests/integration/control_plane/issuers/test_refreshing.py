"""Keys are read again: from time to time, and soon where a pod asks. What was good stays."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from services.control_plane.issuers.models import ExternalIssuer
from services.control_plane.issuers.refreshing import AFTER_FAILURE, GAP, INTERVAL, Refresher
from shared import keys
from tests.integration.control_plane.issuers.test_router import ISSUERS, body_of
from tests.integration.control_plane.platform import Platform
from tests.support.outside import Answer, Outside, make_key
from tests.support.waiting import eventually


@pytest.fixture
async def refresher(platform: Platform, outside: Outside, redis_client: Redis) -> Refresher:
    """Have one issuer, read just now."""
    await platform.made(ISSUERS, body_of(outside))
    await eventually(lambda: told(redis_client))
    outside.asked.clear()
    return platform.get(Refresher)


def told(redis: Redis) -> set[str]:
    """Return the keys that the pods have of the issuer by now."""
    body = redis.hget(keys.catalogue_objects("issuer"), "external/partner")
    return {key["kid"] for key in json.loads(str(body))["external"]["keys"]} if body else set()


def kids(outside: Outside) -> set[Any]:
    return {key.kid for key in outside.keys}


async def test_keys_are_read_again_when_it_is_time(
    platform: Platform, outside: Outside, refresher: Refresher, redis_client: Redis
) -> None:
    before = await platform.client.get(f"{ISSUERS}/partner")
    outside.keys.append(make_key())
    await asyncio.to_thread(refresher.refresh_due)
    assert outside.asked == []
    platform.clock.move(seconds=INTERVAL.total_seconds() + 1)
    await eventually(lambda: _turn(refresher, lambda: told(redis_client) == kids(outside)))
    after = await platform.client.get(f"{ISSUERS}/partner")
    assert after.json()["fetched_at"] > before.json()["fetched_at"]
    assert after.headers["etag"] == before.headers["etag"], "nobody changed the resource"


async def test_a_hint_has_keys_read_soon_but_not_again_and_again(
    platform: Platform, outside: Outside, refresher: Refresher, redis_client: Redis
) -> None:
    outside.keys[:] = [make_key()]
    redis_client.sadd(keys.ISSUER_HINTS, "partner", "nobody")
    await eventually(lambda: redis_client.smembers(keys.ISSUER_HINTS) == {"partner"})
    await asyncio.to_thread(refresher.follow_hints)
    assert outside.asked == [], "they were read just now: the hint waits"
    platform.clock.move(seconds=GAP.total_seconds() + 1)
    await eventually(lambda: told(redis_client) == kids(outside))
    assert not redis_client.exists(keys.ISSUER_HINTS)
    asked = len(outside.asked)
    redis_client.sadd(keys.ISSUER_HINTS, "partner")
    await asyncio.to_thread(refresher.follow_hints)
    assert len(outside.asked) == asked


@pytest.mark.parametrize("answer", [Answer({}, 500), Answer({"keys": []}), Answer(b"")], ids=["500", "none", "empty"])
async def test_the_last_good_keys_stay_while_the_issuer_is_ill(
    platform: Platform, outside: Outside, refresher: Refresher, redis_client: Redis, answer: Answer
) -> None:
    good = told(redis_client)
    outside.answers["/keys"] = answer
    platform.clock.move(seconds=INTERVAL.total_seconds() + 1)
    await eventually(lambda: _turn(refresher, lambda: "/keys" in outside.asked))

    async def fails() -> bool:
        return bool((await platform.read(f"{ISSUERS}/partner"))["failure"])

    await eventually(fails)
    assert told(redis_client) == good
    del outside.answers["/keys"]
    outside.keys.append(make_key())
    platform.clock.move(seconds=AFTER_FAILURE.total_seconds() + 1)
    await eventually(lambda: _turn(refresher, lambda: told(redis_client) == kids(outside)))
    assert (await platform.read(f"{ISSUERS}/partner"))["failure"] is None


async def test_the_same_keys_are_no_news(
    platform: Platform, outside: Outside, refresher: Refresher, redis_client: Redis
) -> None:
    platform.catalogue(redis_client)
    revision = redis_client.hget(keys.CATALOGUE_STATE, "revision")
    platform.clock.move(seconds=INTERVAL.total_seconds() + 1)
    await eventually(lambda: _turn(refresher, lambda: "/keys" in outside.asked))
    platform.catalogue(redis_client)
    assert redis_client.hget(keys.CATALOGUE_STATE, "revision") == revision


async def test_what_is_said_meanwhile_counts(
    platform: Platform, outside: Outside, refresher: Refresher, redis_client: Redis
) -> None:
    """An administrator changes the issuer while its keys are on their way: the old place no longer counts."""
    with platform.database.reading() as session:
        seen = session.get_one(ExternalIssuer, "partner")
    await platform.client.put(f"{ISSUERS}/partner", json=body_of(outside, audience="another"))
    refresher._keep(seen, [make_key().as_dict(private=False)])
    body = json.loads(platform.catalogue(redis_client)["issuer"]["external/partner"])
    assert told(redis_client) == kids(outside)
    assert body["external"]["audience"] == "another"


async def _turn(refresher: Refresher, done: Callable[[], bool]) -> bool:
    await asyncio.to_thread(refresher.refresh_due)
    return done()
