"""What connections leave behind is booked soon, whatever is wrong with one of them."""

from typing import cast

import pytest

from services.data_plane import ledger
from services.data_plane.connection import Visitor
from tests.integration.data_plane.conftest import Gate
from tests.support.waiting import eventually


def count_closed(gate: Gate) -> float:
    value = gate.pod.telemetry.registry.get_sample_value(
        "framegate_connections_closed_total", {"cause": "client_closed"}
    )
    return value or 0.0


async def test_what_ended_is_booked_though_nobody_asks(gate: Gate) -> None:
    async with gate.connect() as client:
        await client.send("hello")
    await eventually(lambda: count_closed(gate) == 1)
    stages = gate.pod.telemetry.registry.get_sample_value("framegate_handshake_stage_seconds_count", {"stage": "dial"})
    assert stages == 1


async def test_one_that_cannot_be_booked_takes_no_other_with_it(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    async with gate.connect() as broken, gate.connect() as other:
        first, _ = gate.pod.registry.all()
        first.visitor = cast("Visitor", None)  # for something that nobody thought of
        await broken.close()
        await other.close()
    await eventually(lambda: count_closed(gate) == 1)
    assert "can't be booked" in caplog.text


async def test_no_more_wait_than_may(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST", 3)
    async with gate.connect():
        (connection,) = gate.pod.registry.all()
        gate.pod.ledger.settle()
        for _ in range(4):
            gate.pod.ledger.end(connection)
        assert gate.pod.telemetry.registry.get_sample_value("framegate_connections_closed_total", {"cause": ""}) == 3
