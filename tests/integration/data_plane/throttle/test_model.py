"""Limits hold whatever pods, their clocks and the network do: pods' own code on a real Redis, driven by a model.

In no window of Redis' clock is more spent than the largest amount that was in force in it; no bucket lets through more
than it holds and what fills meanwhile; and nothing stays in Redis for ever.
"""

import asyncio
import time
from collections import Counter
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from services.data_plane.quota import Quota
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.meter import Meter
from tests.integration.data_plane.throttle.network import FATES, PODS, Fate, Site, Wire, check, make_quota, pods
from tests.support.waiting import eventually

AMOUNTS = st.sampled_from([1, 3, 20, 1000])
WINDOWS = st.sampled_from([0.02, 0.05, 0.1, 60.0])
PACES = (0.9995, 1.0, 1.0005)
"""How fast a pod's clock may run: no time service corrects a clock by more than 500 ppm."""


class History:
    """Which amounts were in force when: a pod that hasn't heard yet goes on with what it knows."""

    def __init__(self, amount: int) -> None:
        self._changes = [(0.0, amount)]

    def add(self, now: float, amount: int) -> None:
        self._changes.append((now, amount))

    def largest(self, since: float, until: float) -> int:
        ends = [at for at, _ in self._changes[1:]] + [float("inf")]
        return max(amount for (at, amount), end in zip(self._changes, ends, strict=True) if at < until and end >= since)


class Pod:
    """A pod with one connection."""

    def __init__(self, site: Site, quota: Quota, pace: float = 1.0) -> None:
        self.wire = Wire(site.client, site.metrics, pace)
        self.book = LeaseBook(self.wire, site.metrics, "allow")
        self.follow(quota)

    def follow(self, quota: Quota) -> None:
        """Count by a quota from now on, as `Allotment.replace` does."""
        before = getattr(self, "meter", None)
        self.meter = Meter(self.book, [quota])
        if before is not None:
            before.close()
        self.quota = quota
        self.lease = self.meter._leases[0]


class Leasing(RuleBasedStateMachine):
    """Pods that lease, spend and die. What they spend is noted with Redis' time before and after."""

    rolling = False
    windows: st.SearchStrategy[float] = WINDOWS

    def __init__(self, site: Site) -> None:
        super().__init__()
        site.redis.flushall()
        self.site = site

    @initialize(amount=AMOUNTS, window_seconds=st.runner().flatmap(lambda machine: machine.windows))
    def begin(self, amount: int, window_seconds: float) -> None:
        quota = make_quota(amount, window_seconds, rolling=self.rolling)
        self.pods = [self.make_pod(quota, pace) for pace in PACES]
        self.history = History(amount)

    def make_pod(self, quota: Quota, pace: float) -> Pod:
        return self.site.do(lambda: Pod(self.site, quota, pace))

    def note_amounts(self) -> None:
        self.history.add(self.site.now(), max(pod.quota.rule.amount for pod in self.pods))

    @rule(index=pods, size=st.sampled_from([1, 8, 1000]), fate=FATES)
    def lease(self, index: int, size: int, fate: Fate) -> None:
        pod = self.pods[index]
        pod.wire.fate, pod.lease.size = fate, size
        self.site.runner.run(pod.book._fetch([pod.lease]))

    @rule(index=pods)
    def flood(self, index: int) -> None:
        """Lease and spend until there is no more: an eighth of what is left each time, and then one by one."""
        self.spend(index, 1000)
        for _ in range(60):
            self.lease(index, 1000, "heard")
            if not self.pods[index].meter.available()[0]:
                break
            self.spend(index, 1000)

    @rule(index=pods, count=st.integers(1, 1000))
    def spend(self, index: int, count: int) -> None:
        meter, before = self.pods[index].meter, self.site.now()
        count = min(count, meter.available()[0])
        self.site.do(lambda: meter.debit(count, 0))
        self.note_spent(before, self.site.now(), count)

    def note_spent(self, before: float, after: float, count: int) -> None:
        raise NotImplementedError

    @rule(index=pods, fate=FATES)
    def give_back(self, index: int, fate: Fate) -> None:
        pod = self.pods[index]
        pod.wire.fate = fate
        self.site.runner.run(pod.book._give_back([pod.lease]))

    @precondition(lambda self: any(pod.wire.late for pod in self.pods))
    @rule()
    def hear_late(self) -> None:
        for pod in self.pods:
            self.site.runner.run(pod.wire.hear_late())

    @rule(index=pods)
    def crash(self, index: int) -> None:
        """Start another in its place, which knows no less."""
        self.pods[index] = self.make_pod(self.pods[index].quota, PACES[index])

    @rule(index=pods, amount=AMOUNTS)
    def change_amount(self, index: int, amount: int) -> None:
        """Let one pod hear of another amount."""
        pod = self.pods[index]
        quota = make_quota(amount, pod.quota.rule.window_seconds, rolling=self.rolling)
        self.site.do(lambda: pod.follow(quota))
        self.note_amounts()

    @rule(milliseconds=st.sampled_from([1, 5, 15, 40]))
    def pass_time(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)

    @rule()
    def forget_scripts(self) -> None:
        self.site.redis.script_flush()

    @invariant()
    def every_key_ends(self) -> None:
        assert not self.site.keys_without_end()

    def teardown(self) -> None:
        """Spend what is left: what was granted twice shows."""
        for index in range(PODS):
            self.flood(index)


class Windows(Leasing):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.changes = 0
        self.spent: Counter[tuple[int, int]] = Counter()

    @property
    def window_ms(self) -> float:
        return self.pods[0].quota.rule.window_seconds * 1000

    @rule(window_seconds=WINDOWS)
    def change_window(self, window_seconds: float) -> None:
        """Let all pods hear of another window: a new count begins, though what was spent may still count there."""
        for pod in self.pods:
            self.site.do(partial(pod.follow, make_quota(pod.quota.rule.amount, window_seconds)))
            pod.wire.late.clear()  # nothing is late for as long as a policy lasts
        self.changes += 1

    def note_spent(self, before: float, after: float, count: int) -> None:
        window = int(after // self.window_ms)
        if int(before // self.window_ms) != window:
            return  # it may belong to either
        self.spent[self.changes, window] += count
        start = window * self.window_ms
        largest = self.history.largest(start, start + self.window_ms)
        assert self.spent[self.changes, window] <= largest, "more was spent than was allowed"

    @invariant()
    def no_lease_outlasts_its_window(self) -> None:
        for pod in self.pods:
            if pod.lease.credit:
                assert self.site.at(pod.lease.valid_until) <= pod.lease.mark + self.window_ms


class Buckets(Leasing):
    rolling = True
    windows = st.just(1.0)  # valid for a tenth of a second, leases are made for no shorter ones

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.spent: list[tuple[float, float, int]] = []

    def note_spent(self, before: float, after: float, count: int) -> None:
        """Compare each stretch of time that ends now with what fills in it. Amounts count from leases' beginnings."""
        if not count:
            return
        self.spent.append((before, after, count))
        total = 0
        for since, _, spent in reversed(self.spent):
            total += spent
            amount = self.history.largest(since - 200, after)
            assert total <= amount + amount * (after - since) / 1000 + 1, f"{total} in {after - since:.1f} ms"


@pytest.mark.timeout(600)
def test_no_window_lets_more_through_than_was_allowed(site: Site, rounds: int) -> None:
    check(lambda: Windows(site), 40 * rounds)


def test_what_was_given_back_is_not_spent(site: Site) -> None:
    windows = Windows(site)
    windows.begin(20, 60.0)
    windows.lease(0, 1000, "heard")
    windows.give_back(0, "heard")
    windows.flood(1)
    windows.spend(0, 1000)


def test_credit_of_a_window_that_has_ended_does_not_go_back_into_the_next(site: Site) -> None:
    windows = Windows(site)
    windows.begin(1000, 0.1)
    windows.flood(1)
    windows.pass_time(100)
    windows.lease(0, 1000, "heard")
    windows.pass_time(100)
    windows.flood(1)
    windows.give_back(0, "heard")
    windows.flood(1)


def test_a_bucket_is_less_deep_by_what_may_lie_in_pods(site: Site) -> None:
    buckets = Buckets(site)
    buckets.begin(1000, 1)
    for index in (0, 0, 1, 1):
        buckets.lease(index, 1000, "heard")
    buckets.pass_time(80)
    buckets.spend(0, 1000)
    buckets.spend(1, 1000)
    buckets.flood(2)


def test_an_answer_about_a_window_that_has_changed_meanwhile_is_no_credit(site: Site) -> None:
    pod = site.do(lambda: Pod(site, make_quota(40, 60)))
    pod.wire.meanwhile = lambda: pod.follow(make_quota(40, 1))
    site.runner.run(pod.book._fetch([pod.lease]))
    assert pod.meter.available()[0] == 0
    pod.wire.meanwhile = lambda: None
    site.runner.run(pod.book._fetch([pod.lease]))
    assert pod.meter.available()[0] > 0
    site.do(lambda: pod.follow(make_quota(40, 60)))
    assert pod.meter.available()[0] == 0


def test_rests_that_suffice_for_no_message_come_together_in_one_pod_though_all_ask_for_more(site: Site) -> None:
    holding = site.do(lambda: [Pod(site, make_quota(100, 3600, unit="bytes")) for _ in range(2)])
    for pod in holding:
        while pod.lease.credit < 40:
            pod.lease.size = 4
            site.runner.run(pod.book._fetch([pod.lease]))

    async def share() -> None:
        loops = {asyncio.ensure_future(loop()) for pod in holding for loop in (pod.book.run, pod.book.sweep)}
        try:
            await eventually(lambda: any(list(map(passes, holding))))
        finally:
            while loops:  # redis-py can lose a cancellation
                for task in loops:
                    task.cancel()
                _, loops = await asyncio.wait(loops, timeout=0.1)

    site.runner.run(share())


def passes(pod: Pod, size: int = 64) -> bool:
    """Tell whether a message of so many bytes would pass, and ask for more as its connection does if not."""
    if pod.meter.judge(size) == "ask":
        pod.meter.wait(lambda: None, size)
    return pod.meter.available()[1] >= size


@pytest.mark.timeout(600)
def test_no_bucket_lets_more_through_than_fills_it(site: Site, rounds: int) -> None:
    check(lambda: Buckets(site), 15 * rounds)
