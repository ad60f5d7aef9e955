"""What the log says of connections, and that nobody waits for it."""

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from shared.logs import JsonFormatter, QueuedHandler
from tests.integration.data_plane.conftest import Gate
from tests.support.frames import client_frame
from tests.support.waiting import eventually
from tests.support.wire import accepting, request, wire, wire_backend


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[Mapping[str, Any]]:
    written = (json.loads(JsonFormatter().format(record)) for record in caplog.records if "services" in record.name)
    return [line for line in written if line["event"] == event]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def test_a_connection_is_one_line_at_its_end(gate: Gate, log: pytest.LogCaptureFixture) -> None:
    async with gate.connect(compression=None) as client:
        await client.send("first")
        await client.recv()
        await client.send(["sec", "ond"])
        await client.recv()
        await (await client.ping())
        assert client.response is not None
        request_id = client.response.headers["X-Connection-Id"]
        await client.close(4321)
    await eventually(lambda: lines(log, "connection closed"))
    (line,) = lines(log, "connection closed")
    expected = {
        "request_id": request_id,
        "trace_id": None,
        "client": "127.0.0.1",
        "api": "/echo",
        "version": "1.0",
        "key_type": "PRODUCTION",
        "cause": "client_closed",
        "client_code": 4321,
        "backend_code": 4321,
        "messages_published": 2,
        "messages_delivered": 2,
        "messages_dropped": 0,
        "frames_published": 5,
        "frames_delivered": 3,
        "bytes_published": 11,
        "bytes_delivered": 11,
    }
    assert {name: line[name] for name in expected} == expected
    assert line["application"]
    assert 0 <= line["seconds"] < 60


async def test_each_side_has_its_own_close_code(gate: Gate, log: pytest.LogCaptureFixture) -> None:
    async with wire_backend(accepting()) as backend, wire(gate.port) as client:
        gate.world.put_api(backend.url, auth={"types": ["none"]})
        await gate.caught_up()
        client.send(request("/echo/1.0"))
        assert (await client.head()).status == 101
        client.send(client_frame(3))
        await client.rest()
    await eventually(lambda: lines(log, "connection closed"))
    (line,) = lines(log, "connection closed")
    assert (line["cause"], line["client_code"], line["backend_code"]) == ("protocol_error", 1002, 1001)


async def test_a_refused_handshake_says_as_much_as_is_known(gate: Gate, log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidStatus):
        async with gate.connect("/echo/1.0?key=unheard-of", "not-a-good-one"):
            pass
    (line,) = lines(log, "handshake refused")
    assert (line["cause"], line["status"], line["api"], line["version"]) == ("token_invalid", 401, "/echo", "1.0")
    assert line["application"] is None
    assert "not-a-good-one" not in str(line)
    assert "unheard-of" not in str(line)


async def test_a_log_that_nobody_reads_stops_nobody(gate: Gate, log: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    handler = QueuedHandler(JsonFormatter(), writing, most=20)
    logging.getLogger().addHandler(handler)
    try:
        for _ in range(1000):
            logging.getLogger("services.data_plane").info("%s", "x" * 1000)
        async with gate.connect() as client:
            await client.send("hello")
            assert await client.recv() == "hello"
        async with httpx.AsyncClient(trust_env=False) as ops:
            metrics = (await ops.get(f"http://127.0.0.1:{gate.ops_port}/metrics")).text
        dropped = next(line for line in metrics.splitlines() if line.startswith("framegate_log_lines_dropped_total"))
        assert float(dropped.split()[1]) > 500
    finally:
        logging.getLogger().removeHandler(handler)
        os.close(reading)  # now the thread fails, and goes
        handler.close()
        os.close(writing)
