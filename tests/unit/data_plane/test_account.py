import json
import logging

import pytest

from services.data_plane.account import REFUSALS_A_SECOND, RefusalLog
from services.data_plane.connection import Attempt
from shared.logs import JsonFormatter


def test_a_flood_of_refused_handshakes_is_a_few_lines_that_say_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 7.0
    refusals = RefusalLog(lambda: now)
    with caplog.at_level(logging.INFO, "services.data_plane.account"):
        for number in range(1000):
            refusals.note(Attempt(f"id-{number}", "192.0.2.1"), "api_not_found", 404)
        assert len(caplog.records) == REFUSALS_A_SECOND
        now = 8.5
        refusals.note(Attempt("last", "192.0.2.1"), "unauthorized", 401)
        refusals.note(Attempt("very last", "192.0.2.1"), "unauthorized", 401)
    *_, last, very_last = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert last["left_out"] == 1000 - REFUSALS_A_SECOND
    assert very_last["left_out"] == 0
    assert {name: last[name] for name in ("event", "request_id", "client", "cause", "status", "api", "user")} == {
        "event": "handshake refused",
        "request_id": "last",
        "client": "192.0.2.1",
        "cause": "unauthorized",
        "status": 401,
        "api": None,
        "user": None,
    }
