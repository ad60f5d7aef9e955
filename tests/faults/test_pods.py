"""A pod dies, or halts for so long that the stream has forgotten where it was."""

import pytest
from websockets.exceptions import ConnectionClosedError

from shared import keys
from tests.faults.installation import ECHO, Installation, echoes
from tests.faults.watch import nothing_lost
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)


def test_a_pod_is_killed(installation: Installation) -> None:
    """Its clients know at once, the other pod goes on, and it comes back with what it missed."""
    dead, living = installation.pods
    with nothing_lost([living]), living.connect(ECHO, installation.token) as bystander:
        with dead.connect(ECHO, installation.token) as client:
            dead.program.kill()
            with pytest.raises(ConnectionClosedError):
                client.recv(timeout=5)
        api = installation.publish()
        dead.program.start()
        wait_until(dead.is_ready, within=30)
        installation.settle()
        assert echoes(bystander)
    assert installation.serves(api)
    assert dead.dial(ECHO, installation.token) == 101


def test_a_pod_is_killed_and_comes_back_while_redis_is_away(installation: Installation) -> None:
    pod = installation.pods[0]
    api = installation.publish()
    mark = installation.save()
    installation.redis.kill()
    pod.program.kill()
    later = installation.publish()
    pod.program.start()
    wait_until(pod.is_ready, within=30)
    assert pod.config()["revision"] == mark.revision
    assert pod.dial(ECHO, installation.token) == 101
    assert pod.dial(api.path) == 101
    with nothing_lost([pod]):
        installation.redis.start()
        installation.settle()
    assert installation.serves(later)


def test_the_stream_is_trimmed_behind_a_halted_pod(installation: Installation) -> None:
    """It notices that changes are missing, and loads all of them: none is skipped."""
    halting, _ = installation.pods
    with nothing_lost(installation.pods), halting.connect(ECHO, installation.token) as client:
        with halting.program.halted():
            apis = [installation.publish() for _ in range(3)]
            wait_until(lambda: installation.read_redis()[0] == installation.read_sql())
            installation.redis.client.xtrim(keys.CATALOGUE_STREAM, maxlen=1, approximate=False)
        mark = installation.settle()
        assert f"revision {mark.revision} follows" in halting.program.said, "it saw the gap"
        assert echoes(client)
    assert all(map(installation.serves, apis))
