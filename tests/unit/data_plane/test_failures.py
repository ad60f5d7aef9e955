import pytest

from services.data_plane.failures import MOST_A_SECOND, MOST_ADDRESSES, Failures
from services.data_plane.refusal import RefusedError


def test_who_fails_too_often_waits_for_the_next_second_and_no_other_does() -> None:
    now = 100.0
    counted = Failures(lambda: now)
    for _ in range(MOST_A_SECOND):
        counted.check("192.0.2.1")
        counted.note("192.0.2.1")
    with pytest.raises(RefusedError) as refused:
        counted.check("192.0.2.1")
    assert (refused.value.problem.slug, refused.value.headers) == ("too_many_requests", {"Retry-After": "1"})
    counted.check("192.0.2.2")
    now += 1
    counted.check("192.0.2.1")


def test_very_many_addresses_take_no_more_memory_and_refuse_nobody() -> None:
    counted = Failures(lambda: 100.0)
    for number in range(MOST_ADDRESSES):
        counted.note(str(number))
    for _ in range(2 * MOST_A_SECOND):
        counted.note("one more")
    counted.check("one more")
