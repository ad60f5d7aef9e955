import pytest

from services.control_plane.kit.data_urls import read_data_url, write_data_url


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_what_is_written_is_read(content: bytes) -> None:
    assert read_data_url(write_data_url(content, "image/png")) == content


@pytest.mark.parametrize(
    "url",
    [
        "",
        "picture.png",
        "data:,plain",
        "data:image/png,plain",
        "data:image/png;base64,YQ",
        "data:image/png;base64,YQ=",
        "data:image/png;base64,Y Q==",
        "data:image/png;base64,YQ==\n",
        "data:image/png;base64,YQ==YQ==",
        "data:text/html\n;base64,YQ==",
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be a data URL in base64"):
        read_data_url(url)
