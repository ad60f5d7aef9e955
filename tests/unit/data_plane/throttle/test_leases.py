from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from services.data_plane.quota import Quota, Quotas
from services.data_plane.telemetry import ThrottleMetrics
from services.data_plane.throttle.allotment import Throttle
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.meter import Meter
from services.data_plane.throttle.scripts import Scripts
from services.data_plane.throttle.slots import SlotBook
from shared.limits import Rule


def book() -> LeaseBook:
    """Return a book that asks nobody: its loops don't run."""
    metrics = ThrottleMetrics(CollectorRegistry())
    return LeaseBook(Scripts(Redis(), metrics), metrics, "allow")


def quota(amount: int, *, shadow: bool = False) -> Quota:
    rule = Rule(unit="messages", direction="publish", amount=amount, window_seconds=60, counter="messages:publish:0")
    return Quota("api", "x", rule, "drop", 1.0, shadow)


async def test_credit_of_a_larger_limit_is_not_spent_under_a_smaller_one() -> None:
    leases = book()
    lease = leases.open(quota(1000))
    lease.credit = 100
    assert leases.open(quota(2000)).credit == 100
    assert leases.open(quota(10)).credit == 0


async def test_what_a_shadow_went_beyond_is_no_credit() -> None:
    leases = book()
    meter = Meter(leases, [quota(1000)])
    lease = leases.open(quota(1000))
    lease.credit, lease.valid_until, lease.refused_until = -1, float("inf"), float("inf")
    assert await meter.settle() == "drop"


async def test_connections_with_the_same_limits_share_a_meter_until_the_last_has_gone() -> None:
    leases, metrics, quotas = book(), ThrottleMetrics(CollectorRegistry()), Quotas([quota(1000)])
    throttle = Throttle(leases, SlotBook("pod", Scripts(Redis(), metrics), metrics, "allow"))
    first, second = throttle.meter(quotas.publish), throttle.meter(quotas.publish)
    assert first is not None
    assert first is second
    assert throttle.meter(quotas.connections) is None
    lease = leases.open(quota(1000))
    leases.close(lease)
    assert lease.users == 1
    throttle.release(first)
    assert lease.users == 1
    throttle.release(first)
    assert lease.users == 0
    assert throttle.meter(quotas.publish) is not first
