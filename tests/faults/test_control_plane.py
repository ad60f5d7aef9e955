"""A control plane dies or halts between what it accepted and what it told the pods."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared import keys
from tests.faults.installation import Installation
from tests.faults.watch import nothing_lost

pytestmark = pytest.mark.timeout(180)


def revisions(installation: Installation) -> list[int]:
    """Return those in the stream of changes."""
    entries = installation.redis.client.xrange(keys.CATALOGUE_STREAM)
    return [int(entry_id.partition("-")[0]) for entry_id, _ in entries]


def test_it_is_killed_between_commit_and_push(installation: Installation) -> None:
    """Redis is down from before the commit until the control plane is dead: it can have told nobody."""
    before = installation.settle()
    with nothing_lost(installation.pods):
        installation.redis.kill()
        api = installation.publish()
        installation.control_plane.program.kill()
        installation.redis.start()
        mark, _ = installation.read_redis()
        assert mark == before
        assert not installation.serves(api)
        installation.control_plane.program.start()
        assert installation.settle().revision > before.revision
    assert installation.serves(api)


def test_it_is_killed_while_a_push_is_under_way(installation: Installation) -> None:
    """Redis may carry out the last push of the dead one, of which SQL knows nothing: its successor pushes again."""
    before = installation.settle()
    with nothing_lost(installation.pods):
        with installation.redis.program.halted():
            api = installation.publish()
            installation.control_plane.program.kill()
        installation.control_plane.program.start()
        after = installation.settle()
    assert installation.serves(api)
    pushed = [revision for revision in revisions(installation) if revision > before.revision]
    assert pushed == list(range(before.revision + 1, after.revision + 1)), "each once, and in order"


@pytest.fixture
def pair(postgresql_url: str) -> Iterator[Installation]:
    """Run two control planes on one PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="framegate-pair-") as folder:
        running = Installation(Path(folder), postgresql_url, control_planes=2, pods=1)
        try:
            running.start()
            yield running
        finally:
            running.close()


def test_one_of_two_halts_and_the_other_pushes_for_it(pair: Installation) -> None:
    """Both push: whichever it is that halts, with a change of its own not pushed yet, the other goes on."""
    for halting, going_on in ((0, 1), (1, 0)):
        with nothing_lost(pair.pods), ExitStack() as halt:
            pair.redis.kill()
            accepted = [pair.publish(via=halting)]
            halt.enter_context(pair.control_planes[halting].program.halted())
            pair.redis.start()
            pair.settle()
            accepted.append(pair.publish(via=going_on))
            after = pair.settle()
            halt.close()  # what it had in hand is old by now
            accepted.append(pair.publish(via=halting))
            assert pair.settle().revision > after.revision
        assert all(map(pair.serves, accepted))
        pushed = revisions(pair)
        assert pushed == list(range(pushed[0], pushed[0] + len(pushed)))
