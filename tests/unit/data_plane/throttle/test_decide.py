import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.throttle.decide import Verdict, size_lease, strictest
from shared.limits import OnExceed


@given(st.integers(1, 10**9))
def test_a_lease_is_a_small_part_of_its_limit_and_never_nothing(amount: int) -> None:
    assert 1 <= size_lease(amount) <= max(1, amount // 20)


@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        ((), "ask"),
        (("delay",), "delay"),
        (("delay", "drop"), "drop"),
        (("drop", "close", "delay"), "close"),
    ],
)
def test_the_strictest_of_the_exceeded_limits_acts(actions: tuple[OnExceed, ...], verdict: Verdict) -> None:
    assert strictest(actions) == verdict
