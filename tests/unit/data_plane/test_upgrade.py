from typing import Any
from urllib.parse import urlsplit

import pytest

from services.data_plane.connection import Handshake, Headers
from services.data_plane.upgrade import headers_of, target_of
from shared.definition import ApiDefinition


def sent(headers: Headers, credentials: Headers = (), **fields: Any) -> list[tuple[str, str]]:
    """Return what a backend gets of a client's headers and cookie, without what the gateway tells."""
    handshake = Handshake(
        path="/echo/1.0",
        query="",
        host="gate.test",
        key="",
        headers=headers,
        subprotocols=(),
        extensions="",
        credential=None,
        origin=None,
        address="192.0.2.1",
        secure=True,
        forwarded_for="192.0.2.1",
        request_id="1",
        cookies=("session=1",),
    )
    known = {"id": "1", "name": "Echo", "context": "/echo", "version": "1.0", "state": "PUBLISHED", "endpoints": {}}
    api = ApiDefinition.model_validate(known | fields)
    first, *others = headers_of(handshake, api, "backend.test", (("X-Consumer-Application", "app"),), credentials)
    assert first == ("Host", "backend.test")
    assert others[-5:] == [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "gate.test"),
        ("X-Request-Id", "1"),
        ("X-Consumer-Application", "app"),
    ]
    return others[:-5]


def test_a_client_s_headers_go_on_without_cookies() -> None:
    assert sent((("User-Agent", "x"), ("X-A", "1"), ("X-A", "2"))) == [("User-Agent", "x"), ("X-A", "1"), ("X-A", "2")]


def test_what_the_api_sets_replaces_what_the_client_sent() -> None:
    headers = (("x_tenant", "mine"), ("X-Tenant", "mine too"), ("X-A", "1"))
    assert sent(headers, set_headers={"X-Tenant": "7"}) == [("X-A", "1"), ("X-Tenant", "7")]


def test_cookies_go_on_where_the_api_asks_for_them() -> None:
    assert sent((), forward_cookies=True) == [("Cookie", "session=1")]


def test_credentials_replace_all_else() -> None:
    credentials = (("Cookie", "gate=1"),)
    assert sent((), credentials, forward_cookies=True) == [("Cookie", "gate=1")]
    assert sent((), (("X-Tenant", "9"),), set_headers={"X-Tenant": "7"}) == [("X-Tenant", "9")]


@pytest.mark.parametrize(
    ("url", "rest", "query", "target"),
    [
        ("ws://b", "", "", "/"),
        ("ws://b", "/x%2fy", "a=b%20c", "/x%2fy?a=b%20c"),
        ("ws://b/base/", "/x", "", "/base/x"),
        ("ws://b/base/", "", "", "/base/"),
        ("ws://b/base?k=v", "/x", "a=b", "/base/x?k=v&a=b"),
    ],
)
def test_targets(url: str, rest: str, query: str, target: str) -> None:
    assert target_of(urlsplit(url), rest, query) == target
