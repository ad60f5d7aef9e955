"""What `framegate tail` says to people."""

from typing import Any

import pytest

from cli.tail import describe

WHO = {
    "at": "2026-11-29T01:00:00.000+00:00",
    "connection": "547ef54826f444ea",
    "address": "192.0.2.7",
    "context": "/echo",
    "version": "1.0",
    "application": "Robot",
}
SAID = "2026-11-29T01:00:00.000+00:00 547ef548 /echo/1.0 Robot "
COUNTS = {"seconds": 1.5, "messages_published": 2, "messages_delivered": 3}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        ({"event": "watching", "connections": 3, "unanswered": 0}, "watching 3 open connections"),
        (
            {"event": "watching", "connections": 3, "unanswered": 1},
            "watching 3 open connections; 1 workers did not answer",
        ),
        ({"event": "left_out", "count": 7}, "7 more were left out"),
        ({"event": "interrupted"}, "nothing was told for a while: it was not read in time"),
        ({"event": "alive"}, ""),
        ({**WHO, "event": "opened"}, f"{SAID}opened from 192.0.2.7"),
        (
            {**WHO, "event": "message", "direction": "publish", "size": 5, "frames": 1},
            f"{SAID}message publish 5 bytes",
        ),
        (
            {**WHO, "event": "message", "direction": "subscribe", "size": 5, "frames": 2},
            f"{SAID}message subscribe 5 bytes in 2 frames",
        ),
        ({**WHO, "event": "refused", "code": 401, "cause": "token_expired"}, f"{SAID}refused 401 token_expired"),
        (
            {**WHO, "event": "closed", "code": 1000, "cause": "client_closed", **COUNTS},
            f"{SAID}closed 1000 client_closed after 1.5 s, 2 sent, 3 received",
        ),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else "",
)
def test_a_line_says_what_happened(event: dict[str, Any], line: str) -> None:
    assert describe(event) == line


def test_of_a_handshake_to_nowhere_little_is_known() -> None:
    event = {
        "event": "refused",
        "code": 404,
        "cause": "api_not_found",
        **{name: WHO[name] for name in ("at", "address")},
    }
    assert describe({**event, "connection": "c"}).endswith(" c -/- - refused 404 api_not_found")
