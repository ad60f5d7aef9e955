"""APIs from documents."""

from typing import Any

import pytest

from services.control_plane.asyncapi.importing import Imported
from services.control_plane.kit.problems import InvalidError
from services.control_plane.publisher.schemas import ApiWrite
from tests.integration.control_plane.asyncapi.mutants import CHAT_3, GONE, change


def body(changes: dict[str, Any], context: str | None = None) -> ApiWrite:
    return Imported(change(CHAT_3, changes), context).body()


def servers(*names: str, **changes: Any) -> dict[str, Any]:
    return {"servers": {name: {"host": f"{name}.example", "protocol": "ws"} | changes for name in names}}


@pytest.mark.parametrize(
    ("given", "production", "sandbox"),
    [
        (servers("b", "a"), "ws://b.example", None),
        (servers("b", "production"), "ws://production.example", None),
        (servers("sandbox", "a"), "ws://a.example", "ws://sandbox.example"),
        (servers("sandbox"), None, "ws://sandbox.example"),
        (servers("a", protocol="WSS", pathname="/v1"), "wss://a.example/v1", None),
        (servers("a", protocol="kafka"), None, None),
        ({"servers": GONE}, None, None),
        (
            servers("a", pathname="/{v}/{w}", variables={"v": {"default": "1"}, "w": {"enum": ["2", "3"]}}),
            "ws://a.example/1/2",
            None,
        ),
        (
            {
                "servers": {"a": {"$ref": "#/components/servers/a"}},
                "components.servers": {"a": {"host": "{h}", "protocol": "ws", "variables": {"h": {"$ref": "#/x-h"}}}},
                "x-h": {"default": "h.example"},
            },
            "ws://h.example",
            None,
        ),
    ],
)
def test_endpoints_are_servers(given: dict[str, Any], production: str | None, sandbox: str | None) -> None:
    endpoints = body(given).endpoints
    assert [endpoint and endpoint.urls for endpoint in (endpoints.production, endpoints.sandbox)] == [
        url and [url] for url in (production, sandbox)
    ]


@pytest.mark.parametrize(
    ("address", "paths"),
    [
        ("/a/{b}", ["/a/{b}"]),
        ("a", ["/a"]),
        ("light.measured", ["/light.measured"]),
        ("/", []),
        ("", []),
        (None, []),
        ("/a?b=c", []),
        ("/a b", []),
        ("/../a", []),
        ("/{a}/{a}", []),
        ("/a{b}", []),
        ("/LOBBY/", ["/LOBBY"]),
        ("wss://example.com/a", []),
    ],
)
def test_paths_are_addresses_that_can_be_told_apart(address: str | None, paths: list[str]) -> None:
    given = change(CHAT_3, {"channels": {"c": {"address": address}, "d": {"address": "/d"}, "e": {"address": "/D"}}})
    assert [path.path for path in Imported(given, None).body().paths] == [*paths, "/d"]


@pytest.mark.parametrize(
    ("title", "context"),
    [("Echo", "/echo"), (" Chat: of 2 Rooms! ", "/chat-of-2-rooms"), ("\N{LATIN SMALL LETTER E WITH ACUTE}a", "/a")],
)
def test_a_context_is_made_of_the_title(title: str, context: str) -> None:
    assert body({"info.title": title}).context == context
    assert body({"info.title": title}, "/mine").context == "/mine"


def test_an_error_names_the_place_in_the_document() -> None:
    tags = [{"name": "a"}, {"name": ""}]
    with pytest.raises(InvalidError) as caught:
        body({"info.version": "1/2", "info.tags": tags, "servers.main.pathname": "/a#b"})
    assert {error["field"] for error in caught.value.members["errors"]} == {
        "/info/version",
        "/info/tags/1/name",
        "/servers/main",
    }
