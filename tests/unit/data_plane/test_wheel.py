import math

from hypothesis import given
from hypothesis import strategies as st

from services.data_plane.wheel import Wheel


@given(st.dictionaries(st.integers(0, 50), st.floats(0, 100)), st.lists(st.floats(0, 120)))
def test_an_item_comes_once_never_early_and_at_most_a_second_late(dues: dict[int, float], turns: list[float]) -> None:
    wheel: Wheel[int] = Wheel(0)
    for item, due in dues.items():
        wheel.put(item, due)
    came: dict[int, float] = {}
    for now in sorted(turns):
        for item in wheel.turn(now):
            assert item not in came
            came[item] = now
            assert now >= dues[item]
        assert all(item in came for item, due in dues.items() if due <= now - 1)


def test_an_item_stands_in_one_slot_and_can_be_taken_out() -> None:
    wheel: Wheel[str] = Wheel(0)
    wheel.put("a", 5)
    wheel.put("a", 2)
    wheel.put("b", 3)
    wheel.remove("b")
    wheel.remove("nobody")
    assert wheel.turn(10) == ["a"]
    assert wheel.turn(20) == []


def test_what_is_overdue_comes_at_the_next_turn_and_what_is_never_due_does_not() -> None:
    wheel: Wheel[str] = Wheel(100)
    wheel.turn(100)
    wheel.put("late", 50)
    wheel.put("never", math.inf)
    assert wheel.turn(101) == ["late"]
    assert wheel.turn(1000) == []
