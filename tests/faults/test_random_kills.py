"""Whatever is killed at whatever moment while APIs are published and unpublished: in the end all hold the same.

Five kills; with `./run test faults --kills 200` two hundred. `--seed` makes the same choices again.
"""

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.faults.installation import Installation, Published
from tests.faults.watch import nothing_lost
from tests.support.waiting import wait_until

FEWEST, MOST = 3, 8
REMEMBERED = 8
AT_ONCE = (1, 1, 1, 2, 3)
CHANGES_BETWEEN = range(1, 12)


class Publisher:
    """Publishes and unpublishes, whoever dies meanwhile, and remembers what was accepted."""

    def __init__(self, installation: Installation, chance: random.Random) -> None:
        self._installation = installation
        self._chance = chance
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.published: list[Published] = []
        self.unpublished: deque[Published] = deque(maxlen=REMEMBERED)
        self.changes = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(30)

    def make(self, changes: int) -> None:
        """Wait until so many more were accepted."""
        enough = self.changes + changes
        wait_until(lambda: self.changes >= enough, within=60)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._change()
            except httpx.TransportError:  # the control plane died: what was not answered may or may not have been done
                self._stopping.wait(0.05)

    def _change(self) -> None:
        many = len(self.published)
        if many < FEWEST or (many < MOST and self._chance.random() < 0.5):
            self.published.append(self._installation.publish())
        else:
            api = self.published.pop(self._chance.randrange(many))
            self._installation.unpublish(api)
            self.unpublished.append(api)
        self.changes += 1


@contextmanager
def publishing(installation: Installation, chance: random.Random) -> Iterator[Publisher]:
    publisher = Publisher(installation, chance)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()


def kill_some(installation: Installation, chance: random.Random, most: int) -> int:
    """Kill up to three at once, and start them again in any order. Return how many."""
    redis = installation.redis
    programs = [redis.program, *(service.program for service in installation.services)]
    victims = chance.sample(programs, min(chance.choice(AT_ONCE), most))
    for victim in victims:
        if victim is redis.program:
            redis.kill(data_lost=chance.random() < 0.5)
        else:
            victim.kill()
    chance.shuffle(victims)
    for victim in victims:
        if victim is redis.program:
            redis.start()
        else:
            victim.start()
    return len(victims)


@pytest.mark.timeout(0)  # it sets its own
def test_after_random_kills_sql_redis_and_every_pod_agree(
    installation: Installation, chance: random.Random, kills: int
) -> None:
    stands = installation.publish()
    installation.save()  # else a pod that is killed may serve, for a while, what was before
    left = kills
    with nothing_lost(installation.pods, fewest_apis=1):
        own = random.Random(chance.random())  # noqa: S311 - no secret. A thread would mix up the order of choices
        with publishing(installation, own) as publisher:
            while left:
                if chance.random() < 0.5:
                    installation.wait_until_up()  # else some are killed while they start
                publisher.make(chance.choice(CHANGES_BETWEEN))
                left -= kill_some(installation, chance, left)
        installation.mend()
    assert installation.serves(stands)
    assert all(map(installation.serves, publisher.published)), "what was accepted is there"
    assert all(installation.statuses(api) == {404} for api in publisher.unpublished)
