"""When a pod asks Redis for credit."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from services.data_plane import ticks
from services.data_plane.redis_client import connect, disconnect
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.scripts import Scripts
from tests.integration.data_plane.throttle.network import make_quota
from tests.support.waiting import eventually


@pytest.fixture
async def book(redis_url: str) -> AsyncIterator[LeaseBook]:
    metrics, redis = ThrottleMetrics(CollectorRegistry()), connect(redis_url, seconds=2)
    made = LeaseBook(Scripts(redis, metrics), metrics, "allow")
    asking = asyncio.ensure_future(made.run())
    yield made
    asking.cancel()
    await disconnect(redis)


async def test_credit_comes_though_no_message_waits_for_it(book: LeaseBook) -> None:
    lease = book.open(make_quota(1000, 60))
    book.ask(lease)
    await eventually(lambda: lease.available(time.monotonic()) > 0)


async def test_a_question_waits_for_a_lull_until_a_message_waits_for_the_answer(
    book: LeaseBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUIET_SECONDS", "AWAITED_SECONDS", "LONGEST_SECONDS"):
        monkeypatch.setattr(ticks, name, 60.0)
    lease, answered = book.open(make_quota(1000, 60)), asyncio.Event()
    book.ask(lease)
    await asyncio.sleep(0.05)
    assert lease.asked
    assert not lease.credit
    book.wait(lease, 1, answered.set, time.monotonic())
    await asyncio.wait_for(answered.wait(), 5)
    assert lease.credit > 0
