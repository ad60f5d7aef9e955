import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.throttle.decide import Verdict, comes_near, share_alone, strictest
from shared.limits import OnExceed


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**5), max_size=50))
def test_a_limit_comes_near_its_end_at_most_once_while_it_is_spent(amount: int, steps: list[int]) -> None:
    counts = [0]
    for step in steps:
        counts.append(counts[-1] + step)
    times = sum(comes_near(amount, *pair) for pair in itertools.pairwise(counts))
    assert times == (counts[-1] >= amount * 0.8)


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_alone_all_pods_let_through_what_was_left_and_one_message_each_at_most(amount: int, pods: int) -> None:
    assert share_alone(amount, pods, 0) * pods <= max(amount, pods)
    assert share_alone(amount, pods, amount) == 0


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
