"""What is left of quotas: over REST, from the counters in a real Redis."""

import socket
import time
from typing import Any

import pytest
from redis import Redis

from services.control_plane.kit.bulkhead import Bulkhead
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.kit.redis_client import connect
from services.control_plane.store.quota import QuotaReader
from shared import keys
from shared.limits import Level
from tests.integration.control_plane.platform import CLIENT_ID, CLIENT_SECRET, Platform, Start, on_sqlite, problem

MINUTE_MS = 60_000


def spend(redis: Redis, level: Level, id_: str, counter: str, spent: int, *, ago_ms: int = 0) -> None:
    """Count as a pod does, in a window that began some time ago."""
    seconds, microseconds = redis.time()
    start = seconds * 1000 + microseconds // 1000 - ago_ms
    redis.hset(keys.limit(level, id_, counter), mapping={"start": start, "window_ms": MINUTE_MS, "spent": spent})


async def test_an_application_sees_what_is_left(platform: Platform, redis_url: str) -> None:
    limits = [
        {"amount": 100},
        {"amount": 5, "window_seconds": 1},
        {"unit": "bytes", "amount": 1000, "direction": "subscribe"},
        {"unit": "connections", "amount": 2},
    ]
    burst = {"amount": 3, "window_seconds": 1}
    await platform.made(
        "/admin/v1/policies", {"name": "Mine", "level": "subscription", "limits": limits, "burst": burst}
    )
    api, application = await platform.publish_api(policies=["Mine"]), await platform.make_application(policy="50PerMin")
    subscription = await platform.subscribe(application, api, "Mine")
    with Redis.from_url(redis_url) as redis:
        spend(redis, "application", application["id"], "messages:publish:0", 20)
        spend(redis, "subscription", subscription["id"], "messages:publish:0", 40)
        spend(redis, "subscription", subscription["id"], "messages:publish:1", 5, ago_ms=MINUTE_MS)
    items = (await platform.read(f"/store/v1/applications/{application['id']}/quota"))["items"]
    assert all(0 < item["resets_in_ms"] <= MINUTE_MS for item in items if item["used"])
    subject = {"subscription_id": subscription["id"], "api_id": api["id"]}
    mine = {"level": "subscription", "subject": subject, "policy": "Mine", "resets_in_ms": 0}
    assert [{**item, "resets_in_ms": 0} for item in items] == [
        {
            "level": "application",
            "subject": {"application_id": application["id"]},
            "policy": "50PerMin",
            **counted("messages", "publish", 60, 50, 20),
            "resets_in_ms": 0,
        },
        {**mine, **counted("messages", "publish", 60, 100, 40)},
        {**mine, **counted("bytes", "subscribe", 60, 1000, 0)},
        {**mine, **counted("messages", "publish", 1, 5, 0)},
    ]


def counted(unit: str, direction: str, window_seconds: int, amount: int, used: int) -> dict[str, Any]:
    return {
        "unit": unit,
        "direction": direction,
        "window_seconds": window_seconds,
        "amount": amount,
        "used": used,
        "left": amount - used,
    }


async def test_overrides_hold_and_shadows_do_not(platform: Platform) -> None:
    api, application = await platform.publish_api(), await platform.make_application(policy="10PerMin")
    await platform.subscribe(application, api)
    overrides = [{"application_id": application["id"], "limits": [{"amount": 7}]}]
    for name, change in (("Gold", {"overrides": overrides}), ("10PerMin", {"shadow": True})):
        assert (await platform.client.patch(f"/admin/v1/policies/{name}", json=change)).status_code == 200
    items = (await platform.read(f"/store/v1/applications/{application['id']}/quota"))["items"]
    assert [(item["policy"], item["amount"]) for item in items] == [("Gold", 7)]


@on_sqlite
async def test_quotas_are_their_owner_s_alone(platform: Platform) -> None:
    application = await platform.make_application()
    async with platform.account("another", "store:subscribe") as other:
        problem(await other.get(f"/store/v1/applications/{application['id']}/quota"), 404, "not_found")
    async with platform.account("publisher", roles=("publisher",)) as publisher:
        answer = await publisher.get(f"/store/v1/applications/{application['id']}/quota")
        problem(answer, 403, "insufficient_scope")


@on_sqlite
async def test_without_redis_the_caller_is_told_to_come_back(started: Start) -> None:
    async with started(redis_url="redis://127.0.0.1:9/0") as platform:
        await platform.sign_in(CLIENT_ID, CLIENT_SECRET)
        application = await platform.make_application(policy="10PerMin")
        answer = await platform.client.get(f"/store/v1/applications/{application['id']}/quota")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_redis_that_is_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, nobody answers
        redis = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.2)
        began = time.monotonic()
        with redis, pytest.raises(UnavailableError):
            QuotaReader(redis, Bulkhead(1, 0.2)).read([])
        assert time.monotonic() - began < 1
