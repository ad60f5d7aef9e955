from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.control_plane.publisher.path_schemas import Paths


def wrong(*paths: dict[str, Any]) -> list[str]:
    try:
        TypeAdapter(Paths).validate_python(paths)
    except ValidationError as error:
        return [".".join(map(str, found["loc"])) for found in error.errors()]
    return []


@pytest.mark.parametrize("path", ["/", "/*", "/rooms", "/rooms/{id}", "/rooms/{room_id}/log", "/a-b.c~d@e:f/*"])
def test_paths(path: str) -> None:
    assert wrong({"path": path, "scopes": ["read"]}) == []


@pytest.mark.parametrize(
    "path",
    ["", "rooms", "/rooms/", "//", "/a//b", "/*/a", "/a*", "/{id", "/{a-b}", "/x{id}", "/..", "/a/./b", "/a%20b", "/ä",
     "/a;b", "/a b", "/a?b", "/a\n", "/{a}/{a}"],
)  # fmt: skip
def test_paths_that_are_refused(path: str) -> None:
    assert wrong({"path": path}) == ["0.path"]


@pytest.mark.parametrize(
    ("path", "backend_path", "good"),
    [
        ("/rooms/{id}", "/v2/{id}", True),
        ("/rooms/{id}", "/v2", True),
        ("/rooms/*", "/r/*", True),
        ("/rooms/{id}", "/v2/{room}", False),
        ("/rooms/*", "/r", False),
        ("/rooms", "/r/*", False),
        ("/rooms", "/../r", False),
        ("/rooms", "r", False),
    ],
)
def test_a_backend_s_path_is_made_of_the_client_s(path: str, backend_path: str, good: bool) -> None:
    assert wrong({"path": path, "backend_path": backend_path}) == ([] if good else ["0.backend_path"])


def test_no_two_paths_match_the_same() -> None:
    assert wrong({"path": "/rooms/{id}"}, {"path": "/Rooms/{name}"}) == [""]
    assert wrong({"path": "/rooms"}, {"path": "/rooms"}) == [""]
    assert wrong({"path": "/rooms/{id}"}, {"path": "/rooms/id"}, {"path": "/rooms/*"}) == []


def test_scopes_are_scopes() -> None:
    assert wrong({"path": "/a", "scopes": ["a b"]}) == ["0.scopes.0"]
    assert wrong({"path": "/a", "roles": []}) == ["0.roles"]
