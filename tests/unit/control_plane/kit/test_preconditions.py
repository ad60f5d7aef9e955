import pytest

from services.control_plane.kit.preconditions import check, etag
from services.control_plane.kit.problems import PreconditionFailedError


@pytest.mark.parametrize("header", [None, "*", '"3"', '"1", "3"', ' "3" '])
def test_goes_on_with_the_version_that_was_read(header: str | None) -> None:
    check(header, 3)


@pytest.mark.parametrize("header", ['"2"', "3", 'W/"3"', '"33"', "", '"1", "2"'])
def test_stops_with_another(header: str) -> None:
    with pytest.raises(PreconditionFailedError) as caught:
        check(header, 3)
    assert caught.value.headers == {"ETag": etag(3)}
