import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from cli.connect import describe_close, describe_refusal


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (1000, "", "1000 normal_closure"),
        (1000, "done", "1000 normal_closure, done"),
        (4429, "quota_exceeded", "4429 quota_exceeded, The quota is spent, come back later"),
        (4503, "subscription_removed", "4503 subscription_removed, The subscription was removed, don't come back"),
        (4000, "", "4000, come back later"),
        (3000, "own words", "3000, own words"),
        (None, "", "1006, the connection was lost without a close frame"),
        (1006, "", "1006, the connection was lost without a close frame"),
    ],
)
def test_says_why_a_connection_closed(code: int | None, reason: str, said: str) -> None:
    assert describe_close(code, reason) == said


def test_a_close_reason_has_no_power_over_the_terminal() -> None:
    assert "\x1b" not in describe_close(3000, "\x1b[2Jgone")


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({}, b'{"title": "The token is not valid", "detail": "the signature does not verify"}',
         "refused: HTTP 401, The token is not valid: the signature does not verify"),
        ({"Retry-After": "7"}, b'{"title": "The quota is spent"}',
         "refused: HTTP 401, The quota is spent: retry after 7 s"),
        ({}, b"<html>", "refused: HTTP 401, Unauthorized"),
        ({}, b"[1]", "refused: HTTP 401, Unauthorized"),
        ({}, b"", "refused: HTTP 401, Unauthorized"),
    ],
)  # fmt: skip
def test_says_why_a_handshake_was_refused(headers: dict[str, str], body: bytes, said: str) -> None:
    assert describe_refusal(Response(401, "Unauthorized", Headers(headers), body)) == said
