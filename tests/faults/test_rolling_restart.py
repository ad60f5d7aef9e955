"""All pods are restarted one after the other, and nobody is out for long."""

import asyncio
import random

import pytest

from tests.faults.crowd import crowd
from tests.faults.installation import DRAIN_SECONDS, Installation, Pod
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

CLIENTS = 1000
LONGEST_WAIT_SECONDS = 10.0


async def restart(pod: Pod) -> None:
    pod.program.terminate()
    await eventually(lambda: pod.program.exit_code is not None, within=DRAIN_SECONDS + 6)
    assert pod.program.exit_code == 0
    pod.program.start()

    async def is_ready() -> bool:
        return await asyncio.to_thread(pod.is_ready)

    await eventually(is_ready, within=30)


async def test_a_thousand_clients_come_back(installation: Installation, chance: random.Random) -> None:
    api = installation.publish()
    mark = installation.settle()
    async with crowd(installation.pods, api.path, CLIENTS, chance) as clients:
        await eventually(lambda: clients.inside == CLIENTS, within=30)
        clients.waits.clear()
        for pod in installation.pods:
            await restart(pod)
            await eventually(lambda: clients.inside == CLIENTS, within=LONGEST_WAIT_SECONDS)
        assert len(clients.waits) > CLIENTS, "each was sent away by one pod or the other, and many by both"
        assert max(clients.waits) < LONGEST_WAIT_SECONDS
        assert clients.codes.keys() == {1012}
    assert installation.agreed() == mark
