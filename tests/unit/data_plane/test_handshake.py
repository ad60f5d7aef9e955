from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from services.data_plane.connection import Credential, Handshake, Request
from services.data_plane.forwarded import TrustedProxies
from services.data_plane.handshake import read_handshake
from services.data_plane.refusal import RefusedError

UPGRADE = {
    "Host": "gate.test",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def read(
    path: str = "/echo/1.0", method: str = "GET", extra: Any = (), trusted: str = "", **changes: str | None
) -> Handshake:
    """Read an upgrade with headers changed or, by None, removed; `_` stands for `-`."""
    headers = CIMultiDict(UPGRADE)
    for name, value in changes.items():
        headers.popall(name.replace("_", "-"), None)
        if value is not None:
            headers[name.replace("_", "-")] = value
    headers.extend(extra)
    request = Request(method, path, (1, 1), CIMultiDictProxy(headers), "192.0.2.1", secure=True)
    return read_handshake(request, "request", TrustedProxies.parse(trusted))


def test_a_handshake_is_read_byte_for_byte() -> None:
    read_one = read("/echo/1.0/a%20b?x=1&y=%2F", extra={"Origin": "https://a.test", "X-Custom": "1"})
    assert (read_one.path, read_one.query) == ("/echo/1.0/a%20b", "x=1&y=%2F")
    assert read_one.origin == "https://a.test"
    assert dict(read_one.headers) == {"Origin": "https://a.test", "X-Custom": "1"}


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"Upgrade": None}, "upgrade_required"),
        ({"Connection": "keep-alive"}, "upgrade_required"),
        ({"Upgrade": "h2c"}, "upgrade_required"),
        ({"Sec_WebSocket_Version": "12"}, "upgrade_required"),
        ({"Sec_WebSocket_Version": None}, "upgrade_required"),
        ({"Sec_WebSocket_Version": ""}, "upgrade_required"),
        ({"Sec_WebSocket_Key": None}, "malformed_upgrade"),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, "malformed_upgrade"),
        ({"Sec_WebSocket_Key": "not base64!"}, "malformed_upgrade"),
        ({"Host": None}, "malformed_upgrade"),
        ({"Content_Length": "5"}, "malformed_upgrade"),
        ({"Transfer_Encoding": "chunked"}, "malformed_upgrade"),
        ({"extra": [("Sec-WebSocket-Key", UPGRADE["Sec-WebSocket-Key"])]}, "malformed_upgrade"),
        ({"extra": [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]}, "malformed_upgrade"),
        ({"Authorization": "Bearer a", "X_API_Key": "b"}, "ambiguous_credentials"),
        ({"Authorization": "Bearer a", "Sec_WebSocket_Protocol": "chat, bearer.b"}, "ambiguous_credentials"),
        ({"Sec_WebSocket_Protocol": "chat, bearer.a, bearer.b"}, "ambiguous_credentials"),
        ({"Sec_WebSocket_Protocol": "bearer.a"}, "subprotocol_required"),
    ],
)
def test_what_is_malformed_is_refused(changes: dict[str, Any], slug: str) -> None:
    with pytest.raises(RefusedError, match=slug):
        read(**changes)


def test_another_version_is_told_the_one_that_would_do() -> None:
    with pytest.raises(RefusedError) as refused:
        read(Sec_WebSocket_Version="8")
    assert refused.value.headers == {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


def test_another_method_is_told_the_one_that_would_do() -> None:
    with pytest.raises(RefusedError) as refused:
        read(method="POST")
    assert (refused.value.problem.status, refused.value.headers) == (405, {"Allow": "GET"})


def test_a_token_in_the_header() -> None:
    assert read(Authorization="bearer abc").credential == Credential("token", "abc")


def test_a_token_in_the_subprotocols_is_taken_out() -> None:
    read_one = read(Sec_WebSocket_Protocol="chat, bearer.abc", extra=[("Sec-WebSocket-Protocol", "framegate")])
    assert read_one.credential == Credential("token", "abc")
    assert read_one.subprotocols == ("chat", "framegate")


def test_another_scheme_is_a_credential_that_cannot_be_good() -> None:
    assert read(Authorization="Basic abc").credential == Credential("token", "")


def test_a_credential_does_not_show_its_value() -> None:
    assert "abc" not in repr(read(Authorization="Bearer abc"))


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Cookie", "X-API-Key", "X-Forwarded-For", "X_Forwarded_For", "x.forwarded.for", "Forwarded",
        "X-Request-Id", "X-Consumer-Application", "X_Consumer_Application", "X-JWT-Assertion", "traceparent", "TE",
        "Keep-Alive", "Proxy-Authorization", "Sec-WebSocket-Anything", "X-Real-IP", "Sec_WebSocket_Key",
    ],
)  # fmt: skip
def test_what_the_backend_must_not_see_is_removed(name: str) -> None:
    assert read(extra=[(name, "x")]).headers == ()


def test_what_connection_names_is_removed() -> None:
    assert read(Connection="Upgrade, X-Hop", extra=[("X-Hop", "1"), ("X-End", "2")]).headers == (("X-End", "2"),)


def test_the_sender_is_the_connection_unless_a_trusted_proxy_says_otherwise() -> None:
    said: Any = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "http")]
    own, told = read(extra=said), read(extra=said, trusted="192.0.2.0/24")
    assert (own.address, own.secure, own.forwarded_for) == ("192.0.2.1", True, "192.0.2.1")
    assert (told.address, told.secure, told.forwarded_for) == ("198.51.100.7", False, "198.51.100.7, 192.0.2.1")
    assert own.headers == told.headers == ()


def test_cookies_are_kept_apart_from_other_headers() -> None:
    handshake = read(Cookie="session=secret")
    assert handshake.cookies == ("session=secret",)
    assert not [name for name, _ in handshake.headers if name == "Cookie"]
    assert "secret" not in repr(handshake)


def test_a_cookie_that_is_named_hop_by_hop_goes_nowhere() -> None:
    assert read(Cookie="session=secret", Connection="Upgrade, Cookie").cookies == ()
