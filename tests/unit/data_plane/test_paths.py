import pytest

from services.data_plane.paths import find_path, map_path
from services.data_plane.refusal import RefusedError
from shared.definition import PathDefinition

PATHS = [
    PathDefinition(path=path)
    for path in ("/", "/rooms", "/rooms/{id}", "/rooms/lobby", "/rooms/{id}/log", "/admin/*", "/admin/open", "/a-b@c/*")
]


def found(rest: str) -> str | None:
    path = find_path(PATHS, rest)
    return path.path if path else None


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("", "/"),
        ("/", "/"),
        ("/rooms", "/rooms"),
        ("/rooms/", "/rooms"),
        ("/rooms/7", "/rooms/{id}"),
        ("/rooms/lobby", "/rooms/lobby"),
        ("/rooms/lobby/", "/rooms/lobby"),
        ("/rooms/lobby/log", "/rooms/{id}/log"),
        ("/rooms/a%20b", "/rooms/{id}"),
        ("/rooms/100%25", "/rooms/{id}"),
        ("/rooms/%23general", "/rooms/{id}"),
        ("/rooms/7/log/1", None),
        ("/other", None),
        ("/admin", "/admin/*"),
        ("/admin/x/y", "/admin/*"),
        ("/admin/open", "/admin/open"),
        ("/administer", None),
        ("/a%2Db%40c/x", "/a-b@c/*"),
    ],
)
def test_the_most_specific_path_that_matches(rest: str, path: str | None) -> None:
    assert found(rest) == path


@pytest.mark.parametrize(
    "rest", ["/%61dmin/x", "/Admin/x", "/ADMIN", "/adm%49n/x", "/adm%69n", "/admin/", "/admin/%20"]
)
def test_another_spelling_is_the_same_path(rest: str) -> None:
    assert found(rest) == "/admin/*"


@pytest.mark.parametrize(
    "rest",
    [
        "//admin",
        "/admin//x",
        "/x//",
        "/admin%2Fx",
        "/x%2f..%2fadmin",
        "/%2561dmin",
        "/%25%36%31dmin",
        "/admin;x=1",
        "/admin%3Bx",
        "/x\\admin",
        "/x%5Cadmin",
        "/admin%00",
        "/admin%0a",
        "/admin%7f",
        "/admin%zz",
        "/admin%",
        "/admin#x",
        "/%c0%afadmin",
        "/%e1dmin",
        "/\udce1dmin",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(rest: str) -> None:
    with pytest.raises(RefusedError, match="malformed_upgrade"):
        find_path(PATHS, rest)
    assert find_path((), rest) is None


@pytest.mark.parametrize(
    ("path", "backend_path", "rest", "mapped"),
    [
        ("/rooms/{id}", None, "/rooms/a%20b/", "/rooms/a%20b/"),
        ("/rooms/{id}", "/v2/{id}/live", "/rooms/a%20b", "/v2/a%20b/live"),
        ("/rooms/{id}", "/v2/{id}/live", "/rooms/7/", "/v2/7/live/"),
        ("/{a}/{b}", "/{b}/{a}", "/1/2", "/2/1"),
        ("/rooms/*", "/r/*", "/Rooms/a%20b/%41", "/r/a%20b/%41"),
        ("/rooms/*", "/r/*", "/rooms", "/r"),
        ("/rooms/*", "/*", "/rooms", ""),
        ("/rooms/*", "/*", "/rooms/1", "/1"),
        ("/rooms", "/", "/rooms", ""),
    ],
)
def test_a_backend_has_names_of_its_own(path: str, backend_path: str | None, rest: str, mapped: str) -> None:
    rule = PathDefinition(path=path, backend_path=backend_path)
    assert find_path([rule], rest) is rule
    assert map_path(rule, rest) == mapped
