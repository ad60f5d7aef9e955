"""What an ended connection leaves in the books."""

import httpx

from tests.integration.data_plane.conftest import Gate
from tests.support.waiting import eventually


async def test_messages_and_bytes_are_those_that_went_on(gate: Gate) -> None:
    gate.world.put_policy("subscription", "One", 1, "drop", window_seconds=3600)
    gate.world.put_subscription(policy="One")
    await gate.caught_up()
    async with gate.connect(compression=None) as client:
        await client.send("first")
        assert await client.recv() == "first"
        await client.send("second")
        assert "quota_exceeded" in str(await client.recv())
    await eventually(lambda: len(gate.pod.registry) == 0)
    async with httpx.AsyncClient(trust_env=False) as ops:
        metrics = (await ops.get(f"http://127.0.0.1:{gate.ops_port}/metrics")).text
    assert 'framegate_messages_total{direction="publish"} 1.0' in metrics
    assert "framegate_messages_dropped_total 1.0" in metrics
    assert 'framegate_payload_bytes_total{direction="publish"} 5.0' in metrics
