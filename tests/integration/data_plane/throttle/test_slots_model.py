"""Slots of connections: never more than there are, none lost, whatever becomes of pods and of what they say."""

import asyncio
import time
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.data_plane.throttle.slots import SlotBook
from shared import keys
from tests.integration.data_plane.throttle.network import FATES, PODS, Fate, Site, Wire, check, make_quota, pods


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

    @precondition(lambda self: any(holder.wire.late for holder in self.holders))
    @rule()
    def hear_late(self) -> None:
        """Have a question carried out late: it changes nothing if the pod has said something newer since."""
        holder = next(holder for holder in self.holders if holder.wire.late)
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
def test_no_more_slots_are_held_than_there_are(site: Site, rounds: int) -> None:
    check(lambda: SlotsHeld(site), 40 * rounds, timed=False)


def test_slots_that_were_given_back_are_there_although_nobody_heard_of_it(site: Site) -> None:
    slots = SlotsHeld(site)
    slots.dial(0, 4, "heard")
    slots.close(0, 20, "late")
    slots.teardown()


def test_a_question_that_comes_late_takes_no_slots_for_a_pod_that_gave_all_back(site: Site) -> None:
    slots = SlotsHeld(site)
    slots.dial(0, 1, "late")
    slots.dial(0, 1, "heard")
    slots.close(0, 20, "heard")
    slots.hear_late()
    slots.teardown()
