import pytest

from services.data_plane.backoff import FIRST_SECONDS, LONGEST_SECONDS, draw_delay


@pytest.mark.parametrize("failures", [1, 2, 6, 100, 1025, 10**6])
def test_a_wait_grows_and_ends_however_often_it_failed(failures: int) -> None:
    delays = [draw_delay(failures) for _ in range(1000)]
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(failures - 1, 50))
    assert longest / 2 < max(delays) <= longest
    assert 0 <= min(delays) < longest / 2
