from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.frames.close import Close, read_close, unmask, write_close, write_text
from services.data_plane.frames.errors import FrameError
from tests.support.frames import MASK, client_frame, close_payload, frame

wire_codes = st.one_of(st.sampled_from([1000, 1001, 1011, 1012, 1013]), st.integers(3000, 4999))


@given(wire_codes, st.text(max_size=40).filter(lambda text: len(text.encode()) <= 123))
def test_what_is_written_is_read(code: int, reason: str) -> None:
    close = Close(code, reason)
    written = write_close(close)
    assert written == frame(8, close_payload(code, reason.encode()))
    assert read_close(written[2:]) == close


def test_towards_a_backend_a_close_is_masked() -> None:
    assert write_close(Close(1001, "bye"), MASK) == client_frame(8, close_payload(1001, b"bye"))


def test_no_status_is_an_empty_payload() -> None:
    assert write_close(Close(1005)) == frame(8)
    assert read_close(b"") == Close(1005)


@given(st.text(min_size=100, max_size=300))
def test_a_long_reason_is_cut_between_characters(reason: str) -> None:
    written = write_close(Close(4000, reason))
    assert len(written) <= 2 + 125
    read = read_close(written[2:])
    assert isinstance(read, Close)
    assert reason.startswith(read.reason)


@given(st.integers(0, 65535))
def test_only_codes_that_may_travel_are_read(code: int) -> None:
    read = read_close(code.to_bytes(2))
    allowed = code in {*range(1000, 1004), *range(1007, 1015)} or 3000 <= code <= 4999
    assert isinstance(read, Close if allowed else FrameError)


def test_a_notice_is_one_text_frame_of_either_length_form() -> None:
    assert write_text("hi") == frame(1, b"hi")
    assert write_text("x" * 200) == frame(1, b"x" * 200)


@given(st.binary(max_size=200))
def test_unmasking_is_its_own_inverse(payload: bytes) -> None:
    assert unmask(unmask(payload, MASK), MASK) == payload
