"""Files on their way out."""

import pytest

from services.control_plane.kit.files import send_attachment, send_picture


def test_no_browser_runs_what_is_sent() -> None:
    for answer in (send_picture(b"x", "image/png", '"1"', None), send_attachment(b"x", "a.html", '"1"')):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["etag"] == '"1"'


def test_a_picture_that_was_seen_is_not_sent_again() -> None:
    assert send_picture(b"x", "image/png", '"1"', '"1"').status_code == 304
    assert send_picture(b"x", "image/png", '"2"', '"1"').body == b"x"


@pytest.mark.parametrize("name", ['a"; filename=b.html', "a\r\nX-Evil: 1", "ä.txt"])
def test_a_name_breaks_no_header(name: str) -> None:
    disposition = send_attachment(b"", name, '"1"').headers["content-disposition"]
    assert disposition.isascii()
    assert not set(disposition.removeprefix("attachment; filename*=UTF-8''")) & set(' ";\r\n')
