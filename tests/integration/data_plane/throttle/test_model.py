"""Limits hold whatever pods, their clocks and the network do: pods' own code on a real Redis, driven by a model.

In no window of Redis' clock is more spent than the largest amount that was in force in it; no bucket lets through more
than it holds and what fills meanwhile; no more slots are held than there are; and nothing stays in Redis for ever.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import cast

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.data_plane.quota import Quota
from services.data_plane.throttle.leases import LeaseBook
from services.data_plane.throttle.meter import Meter
from services.data_plane.throttle.slots import SlotBook
from shared import keys
from tests.integration.data_plane.throttle.network import Fate, Site, Wire, make_quota

PODS = 3
AMOUNTS = st.sampled_from([1, 5, 40, 1000])
FATES: st.SearchStrategy[Fate] = st.sampled_from(["heard", "heard", "heard", "unheard", "late"])
WINDOWS = st.sampled_from([0.02, 0.05, 0.1, 60.0])
PACES = st.sampled_from([0.9995, 1.0, 1.0005])
"""How fast a pod's clock may run: no time service corrects a clock by more than 500 ppm."""

pods = st.integers(0, PODS - 1)


@pytest.fixture
def site(redis_url: str) -> Iterator[Site]:
    site = Site.open(redis_url)
    yield site
    site.close()


def check(machine: Callable[[], RuleBasedStateMachine], examples: int, *, timed: bool = True) -> None:
    """Try many runs of a model. Where time matters, what fails isn't made smaller: the next run takes other times."""
    phases = [phase for phase in Phase if phase is not Phase.shrink or not timed]
    made = cast("type[RuleBasedStateMachine]", machine)  # whatever makes one will do
    run_state_machine_as_test(made, settings=settings(max_examples=examples, stateful_step_count=40, phases=phases))


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

    def __init__(self, site: Site, window_seconds: float) -> None:
        super().__init__()
        site.redis.flushall()
        self.site = site
        quota = make_quota(40, window_seconds, rolling=self.rolling)
        self.pods = [Pod(site, quota) for _ in range(PODS)]
        self.history = History(40)

    def note_amounts(self) -> None:
        self.history.add(self.site.now(), max(pod.quota.rule.amount for pod in self.pods))

    @rule(index=pods, size=st.integers(1, 200), fate=FATES)
    def lease(self, index: int, size: int, fate: Fate) -> None:
        pod = self.pods[index]
        pod.wire.fate, pod.lease.size = fate, size
        self.site.runner.run(pod.book._fetch([pod.lease]))

    @rule(index=pods, count=st.integers(1, 200))
    def spend(self, index: int, count: int) -> None:
        meter, before = self.pods[index].meter, self.site.now()
        count = min(count, meter.available()[0])
        meter.debit(count, 0)
        self.note_spent(before, self.site.now(), count)

    def note_spent(self, before: float, after: float, count: int) -> None:
        raise NotImplementedError

    @rule(index=pods, fate=FATES)
    def give_back(self, index: int, fate: Fate) -> None:
        pod = self.pods[index]
        pod.wire.fate = fate
        self.site.runner.run(pod.book._give_back([pod.lease]))

    @rule(index=pods)
    def hear_late(self, index: int) -> None:
        self.site.runner.run(self.pods[index].wire.hear_late())

    @rule(index=pods, pace=PACES)
    def crash(self, index: int, pace: float) -> None:
        """Start another in its place, which hears the newest."""
        self.pods[index] = Pod(self.site, self.pods[index].quota, pace)

    @rule(index=pods, amount=AMOUNTS)
    def change_amount(self, index: int, amount: int) -> None:
        """Let one pod hear of another amount."""
        pod = self.pods[index]
        pod.follow(make_quota(amount, pod.quota.rule.window_seconds, rolling=self.rolling))
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


class Windows(Leasing):
    def __init__(self, site: Site) -> None:
        super().__init__(site, 0.05)
        self.changes = 0
        self.since = 0.0
        self.spent: Counter[tuple[int, int]] = Counter()

    @property
    def window_ms(self) -> float:
        return self.pods[0].quota.rule.window_seconds * 1000

    @rule(window_seconds=WINDOWS)
    def change_window(self, window_seconds: float) -> None:
        """Let all pods hear of another window: a new count begins, though what was spent may still count there."""
        for pod in self.pods:
            pod.follow(make_quota(pod.quota.rule.amount, window_seconds))
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

    def __init__(self, site: Site) -> None:
        super().__init__(site, 1)
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


class Holder:
    """A pod that holds connections, and has dials that wait for an answer."""

    def __init__(self, site: Site, name: str, amount: int) -> None:
        self.site = site
        self.name = name
        self.quota = make_quota(amount, unit="connections")
        self.wire = Wire(site.client, site.metrics)
        self.book = SlotBook(name, self.wire, site.metrics, "allow")
        self.dials: set[asyncio.Task[bool]] = set()

    @property
    def held(self) -> int:
        return sum(slots.held for slots in self.book._slots.values())

    @property
    def amount(self) -> int:
        return self.quota.rule.amount

    async def dial(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        self.dials |= {loop.create_task(self.book.take(self.quota)) for _ in range(count)}
        await asyncio.sleep(0)

    async def hang_up(self) -> None:
        for dial in self.dials:
            dial.cancel()
        await asyncio.gather(*self.dials, return_exceptions=True)
        self.dials.clear()

    async def tell(self, fate: Fate) -> None:
        """Put to Redis what has changed, as `SlotBook.run` does."""
        self.wire.fate = fate
        changed, self.book._changed = list(self.book._changed), set()
        await self.book._tell(changed)
        await asyncio.sleep(0)  # the dials hear of it
        self.dials = {dial for dial in self.dials if not dial.done()}

    async def renew(self, fate: Fate) -> None:
        self.book._changed.update(self.book._slots.values())
        await self.tell(fate)


class SlotsHeld(RuleBasedStateMachine):
    """Pods that take slots, give them back and die; a pod that lives is never silent for too long."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        site.redis.flushall()
        self.site = site
        self.names = count(1)
        self.holders = [self.make(10) for _ in range(PODS)]
        self.most = 10

    def make(self, amount: int) -> Holder:
        return Holder(self.site, f"pod-{next(self.names)}", amount)

    @property
    def held(self) -> int:
        return sum(holder.held for holder in self.holders)

    def note_most(self) -> None:
        """Note what may be held from now on: the limit, or what is over it, for that ends by itself only."""
        self.most = max(self.held, *(holder.amount for holder in self.holders))

    @rule(index=pods, dials=st.integers(1, 4), fate=FATES)
    def dial(self, index: int, dials: int, fate: Fate) -> None:
        holder = self.holders[index]
        self.site.runner.run(holder.dial(dials))
        self.site.runner.run(holder.tell(fate))
        assert self.held <= self.most

    @rule(index=pods, fate=FATES)
    def renew(self, index: int, fate: Fate) -> None:
        self.site.runner.run(self.holders[index].renew(fate))
        assert self.held <= self.most

    @rule(index=pods)
    def hang_up(self, index: int) -> None:
        self.site.runner.run(self.holders[index].hang_up())
        self.note_most()

    @rule(index=pods, closed=st.sampled_from([1, 2, 20]), fate=FATES)
    def close(self, index: int, closed: int, fate: Fate) -> None:
        holder = self.holders[index]
        for _ in range(min(closed, holder.held)):
            holder.book.release(holder.quota)
        self.note_most()
        self.site.runner.run(holder.tell(fate))
        assert self.held <= self.most

    @rule(index=pods)
    def keep(self, index: int) -> None:
        """Count a connection that was there before the limit."""
        holder = self.holders[index]
        holder.book.keep(holder.quota)
        self.note_most()
        self.site.runner.run(holder.tell("heard"))
        self.note_most()

    @rule(index=pods)
    def hear_late(self, index: int) -> None:
        """Have a question carried out late: it changes nothing if the pod has said something newer since."""
        holder = self.holders[index]
        before, newer = self.told(holder), holder.wire.has_said_newer
        self.site.runner.run(holder.wire.hear_late())
        if newer:
            assert self.told(holder) == before, "what came too late counted"

    def told(self, holder: Holder) -> int:
        """Return how many slots a pod has, as far as Redis knows."""
        text = self.site.redis.hget(keys.limit("subscription", "application-api", "model"), holder.name)
        return int(text.split()[1]) if text else 0

    @rule(index=pods, fate=st.sampled_from(["heard", "unheard"]))
    def crash(self, index: int, fate: Fate) -> None:
        dead = self.holders[index]
        dead.wire.silent = True
        self.site.runner.run(dead.renew(fate))
        self.site.runner.run(dead.hang_up())
        self.holders[index] = self.make(dead.amount)
        self.note_most()

    @rule(index=pods, amount=st.sampled_from([1, 5, 10, 20]))
    def change_amount(self, index: int, amount: int) -> None:
        """Let one pod hear of another amount, as `Allotment.replace` does."""
        holder = self.holders[index]
        holder.quota = make_quota(amount, unit="connections")
        holder.book.keep(holder.quota)
        holder.book.release(holder.quota)
        self.note_most()

    @rule()
    def forget_scripts(self) -> None:
        self.site.redis.script_flush()

    @invariant()
    def every_key_ends(self) -> None:
        assert not self.site.keys_without_end()

    def teardown(self) -> None:
        """See that all slots are there for who asks, but those that pods hold: once these have said so."""
        time.sleep(0.002)
        for holder in self.holders:
            self.site.runner.run(holder.hang_up())
            self.site.runner.run(holder.renew("heard"))
            self.site.runner.run(holder.renew("heard"))
        last, left = self.make(20), max(0, 20 - self.held)
        self.site.runner.run(last.dial(21))
        self.site.runner.run(last.tell("heard"))
        assert last.held == left


@pytest.mark.timeout(600)
def test_no_window_lets_more_through_than_was_allowed(site: Site, rounds: int) -> None:
    check(lambda: Windows(site), 60 * rounds)


def test_an_answer_about_a_window_that_has_changed_meanwhile_is_no_credit(site: Site) -> None:
    pod = Pod(site, make_quota(40, 60))
    pod.wire.meanwhile = lambda: pod.follow(make_quota(40, 1))
    site.runner.run(pod.book._fetch([pod.lease]))
    assert pod.meter.available()[0] == 0
    pod.wire.meanwhile = lambda: None
    site.runner.run(pod.book._fetch([pod.lease]))
    assert pod.meter.available()[0] > 0
    pod.follow(make_quota(40, 60))
    assert pod.meter.available()[0] == 0


@pytest.mark.timeout(600)
def test_no_bucket_lets_more_through_than_fills_it(site: Site, rounds: int) -> None:
    check(lambda: Buckets(site), 25 * rounds)


@pytest.mark.timeout(600)
def test_no_more_slots_are_held_than_there_are(site: Site, rounds: int) -> None:
    check(lambda: SlotsHeld(site), 60 * rounds, timed=False)
