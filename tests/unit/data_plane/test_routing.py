from typing import Any

import pytest

from services.data_plane.connection import Handshake
from services.data_plane.refusal import RefusedError
from services.data_plane.routing import match
from services.data_plane.table import RouteTable
from shared.definition import ApiDefinition

ENDPOINTS = {"production": {"urls": ["ws://backend"]}}


def table(*apis: tuple[str, str, dict[str, Any]]) -> RouteTable:
    """Return a table of (context, version, further fields)."""
    objects = {
        f"{context}:{version}": ApiDefinition.model_validate(
            {"id": f"{context}:{version}", "name": "n", "context": context, "version": version}
            | {"state": "PUBLISHED", "endpoints": ENDPOINTS}
            | fields
        )
        for context, version, fields in apis
    }
    return RouteTable(environment="eu").with_objects("api", objects)


def handshake(path: str) -> Handshake:
    return Handshake(
        path, "", "host", "key", (), (), "", None, None, "127.0.0.1", secure=False, forwarded_for="", request_id="r"
    )


APIS = table(
    ("/echo", "1.0", {}),
    ("/echo", "2.0", {"default": True}),
    ("/echo/deep", "1.0", {}),
    ("/plain", "v1", {}),
    ("/blocked", "1", {"state": "BLOCKED"}),
    ("/retired", "1", {"state": "RETIRED"}),
    ("/created", "1", {"state": "CREATED"}),
    ("/old", "1", {"state": "DEPRECATED"}),
)


@pytest.mark.parametrize(
    ("path", "api", "rest"),
    [
        ("/echo/1.0", "/echo:1.0", ""),
        ("/echo/1.0/", "/echo:1.0", "/"),
        ("/echo/1.0/rooms/7%2F8", "/echo:1.0", "/rooms/7%2F8"),
        ("/echo", "/echo:2.0", ""),
        ("/echo/", "/echo:2.0", "/"),
        ("/echo/rooms", "/echo:2.0", "/rooms"),
        ("/echo/2.0/x", "/echo:2.0", "/x"),
        ("/echo/deep/1.0/x", "/echo/deep:1.0", "/x"),
        ("/echo/deep/9.9", "/echo:2.0", "/deep/9.9"),
        ("/old/1", "/old:1", ""),
    ],
)
def test_the_longest_context_with_the_version_or_a_default_answers(path: str, api: str, rest: str) -> None:
    route = match(handshake(path), APIS)
    assert (route.api.id, route.rest) == (api, rest)


@pytest.mark.parametrize(
    "path", ["/", "", "/nothing", "/plain", "/plain/v2", "/Echo/1.0", "/retired/1", "/created/1", "//echo/1.0"]
)
def test_what_no_api_answers_is_not_found(path: str) -> None:
    with pytest.raises(RefusedError, match="api_not_found"):
        match(handshake(path), APIS)


def test_a_blocked_api_is_unavailable() -> None:
    with pytest.raises(RefusedError, match="api_blocked"):
        match(handshake("/blocked/1"), APIS)


@pytest.mark.parametrize("path", ["/echo/1.0/../admin", "/echo/1.0/%2e%2E/admin", "/echo/1.0/./x", "/./echo/1.0"])
def test_dot_segments_are_refused(path: str) -> None:
    with pytest.raises(RefusedError, match="malformed_upgrade"):
        match(handshake(path), APIS)


def test_a_pod_knows_what_is_deployed_to_its_environment_alone() -> None:
    found = table(
        ("/all", "1", {}), ("/here", "1", {"environments": ["us", "eu"]}), ("/there", "1", {"environments": ["us"]})
    )
    assert sorted(found.contexts) == ["/all", "/here"]
    with pytest.raises(RefusedError, match="api_not_found"):
        match(handshake("/there/1"), found)
