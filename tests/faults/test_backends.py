"""A backend dies."""

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.faults.installation import ECHO, Installation, echoes
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)


def test_a_backend_is_killed(installation: Installation) -> None:
    """Its clients are told to come back, others are refused, and let in as soon as it is there again."""
    with installation.connected(installation.token) as clients:
        assert all(map(echoes, clients))
        installation.backend.kill()
        for client in clients:
            with pytest.raises(ConnectionClosedError):
                client.recv(timeout=5)
            assert (client.close_code, client.close_reason) == (1011, "upstream_lost")
    assert [pod.dial(ECHO, installation.token) for pod in installation.pods] == [502, 502]
    installation.backend.start()
    wait_until(lambda: {pod.dial(ECHO, installation.token) for pod in installation.pods} == {101}, within=20)
    assert all(pod.is_ready() for pod in installation.pods)
