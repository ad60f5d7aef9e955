from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.control_plane.publisher.schemas import ApiVersion, ApiWrite, Context, EndpointUrl, Origin

API: dict[str, Any] = {"name": "Echo", "context": "/echo", "version": "1.0"}


def accepts(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def wrong_fields(**changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ApiWrite.model_validate({**API, **changes})
    return [".".join(map(str, error["loc"])) for error in caught.value.errors()]


@pytest.mark.parametrize("good", ["/echo", "/a/b.c/d_e~f-1", "/Echo"])
def test_contexts(good: str) -> None:
    assert accepts(Context, good)


@pytest.mark.parametrize(
    "bad",
    ["", "/", "echo", "/echo/", "//echo", "/a//b", "/a/../b", "/.", "/a b", "/a%2f", "/ä", "/a\n", "/" + "x" * 200],
)
def test_contexts_that_are_refused(bad: str) -> None:
    assert not accepts(Context, bad)


@pytest.mark.parametrize(("version", "good"), [("1.0", True), ("v2-rc_1", True), ("", False), ("..", False)])
def test_versions(version: str, good: bool) -> None:
    assert accepts(ApiVersion, version) is good


@pytest.mark.parametrize("bad", [".", "1/0", "1 0", "1.0\n", "x" * 31])
def test_versions_that_are_refused(bad: str) -> None:
    assert not accepts(ApiVersion, bad)


@pytest.mark.parametrize(
    "good",
    [
        "ws://backend.example.com",
        "wss://backend.example.com:8443/path?key=value",
        "ws://192.0.2.1:80/",
        "ws://[2001:db8::1]:80/x",
        "ws://localhost:9000",
    ],
)
def test_endpoints(good: str) -> None:
    assert accepts(EndpointUrl, good)


@pytest.mark.parametrize(
    "bad",
    [
        "http://backend.example.com",
        "ws:///path",
        "ws://",
        "backend.example.com",
        "ws://user:password@backend.example.com",
        "ws://user@backend.example.com",
        "ws://@backend.example.com",
        "ws://backend.example.com/#fragment",
        "ws://backend.example.com/#",
        "ws://backend.example.com:0",
        "ws://backend.example.com:65536",
        "ws://backend.example.com:x",
        "ws://back end.example.com",
        "ws://backend.example.com/a b",
        "ws://backend.example.com/\r\nX-Injected: 1",
        "ws://backend.example.com/\t",
        "ws://bäckend.example.com",
        "ws://backend.example.com\\@evil.example.com/",
        "ws://[::1",
        "ws://backend.example.com/" + "x" * 2000,
    ],
)
def test_endpoints_that_are_refused(bad: str) -> None:
    assert not accepts(EndpointUrl, bad)


@pytest.mark.parametrize("good", ["https://app.example.com", "http://localhost:3000", "https://*.example.com", "*"])
def test_origins(good: str) -> None:
    assert accepts(Origin, good)


@pytest.mark.parametrize(
    "bad", ["app.example.com", "https://a.example.com/", "https://*", "ws://a", "https://a:x", "null"]
)
def test_origins_that_are_refused(bad: str) -> None:
    assert not accepts(Origin, bad)


def test_defaults_are_the_documented_ones() -> None:
    api = ApiWrite.model_validate(API)
    assert (api.auth.types, api.auth.query) == (["oauth2"], False)
    assert api.visibility == "public"
    assert not api.default


def checked_every(seconds: int) -> dict[str, Any]:
    return {"endpoints": {"sandbox": {"urls": ["ws://x"], "health_check_seconds": seconds}}}


@pytest.mark.parametrize("seconds", [1, 3600])
def test_how_often_a_backend_is_checked(seconds: int) -> None:
    endpoint = ApiWrite.model_validate({**API, **checked_every(seconds)}).endpoints.sandbox
    assert endpoint is not None
    assert endpoint.health_check_seconds == seconds


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"unknown": 1}, "unknown"),
        ({"endpoints": {"production": {"urls": []}}}, "endpoints.production.urls"),
        ({"endpoints": {"production": {"urls": ["http://x"]}}}, "endpoints.production.urls.0"),
        ({"endpoints": {"production": {"urls": ["ws://x"], "balance": "random"}}}, "endpoints.production.balance"),
        (checked_every(0), "endpoints.sandbox.health_check_seconds"),
        (checked_every(3601), "endpoints.sandbox.health_check_seconds"),
        ({"endpoints": {"staging": {}}}, "endpoints.staging"),
        ({"auth": {"types": ["none", "oauth2"]}}, "auth"),
        ({"auth": {"types": ["none"], "scopes": ["read"]}}, "auth"),
        ({"auth": {"types": ["none"]}, "backend_assertion": True}, "backend_assertion"),
        ({"auth": {"types": []}}, "auth.types"),
        ({"auth": {"types": ["oauth2", "oauth2"]}}, "auth"),
        ({"max_message_bytes": {"publish": -1}}, "max_message_bytes.publish"),
        ({"idle_timeout_seconds": 0}, "idle_timeout_seconds"),
        ({"max_connection_age_seconds": 59}, "max_connection_age_seconds"),
        ({"ping_interval_seconds": 0}, "ping_interval_seconds"),
        ({"ping_interval_seconds": 3601}, "ping_interval_seconds"),
        ({"tags": ["x" * 51]}, "tags.0"),
        ({"name": "a\r\nb"}, "name"),
    ],
)
def test_the_field_that_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    assert wrong_fields(**changes) == [field]
