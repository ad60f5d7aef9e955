import pytest

from shared.paths import ends_open, parameters_of, shape_of, specificity, split_path


@pytest.mark.parametrize(
    ("path", "segments"),
    [("", ()), ("/", ()), ("/a", ("a",)), ("/a/", ("a",)), ("/a//", ("a", "")), ("/a/*", ("a", "*"))],
)
def test_a_path_has_segments_and_a_last_slash_is_none(path: str, segments: tuple[str, ...]) -> None:
    assert split_path(path) == segments


def test_what_matches_the_same_has_one_shape() -> None:
    assert shape_of("/Rooms/{id}") == shape_of("/rooms/{name}")
    assert shape_of("/rooms/{id}") != shape_of("/rooms/id")


def test_the_most_specific_comes_first() -> None:
    paths = ["/*", "/{a}/x", "/rooms/*", "/rooms/{id}/*", "/rooms/{id}", "/rooms/7"]
    assert sorted(paths, key=specificity) == [
        "/rooms/7",
        "/rooms/{id}",
        "/rooms/{id}/*",
        "/rooms/*",
        "/{a}/x",
        "/*",
    ]


def test_parameters_and_open_ends() -> None:
    assert parameters_of("/a/{b}/{c}/*") == ["{b}", "{c}"]
    assert ends_open("/a/*")
    assert not ends_open("/a")
    assert not ends_open("/")
