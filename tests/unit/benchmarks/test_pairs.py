from collections.abc import Callable

import pytest

from benchmarks.harness.pairs import Pair, compare
from benchmarks.harness.spread import Spread


def test_runs_of_a_pair_are_adjacent_and_swap_their_order_each_time() -> None:
    order: list[str] = []

    def runs(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return 0.1

        return run

    compare([Pair("a", "b"), Pair("a", "c")], {name: runs(name) for name in ("a", "b", "c")}, 2)

    assert " ".join(order) == "a b c  a b a c  b a c a".replace("  ", " ")  # warm-up, first pairs, second pairs


def test_a_ratio_is_taken_within_a_pair() -> None:
    subject = iter([9.0, 0.2, 0.8])  # the first is thrown away; the machine then gets four times slower
    peer = iter([9.0, 0.1, 0.4])
    pair = Pair("a", "b")

    result = compare([pair], {"a": lambda: next(subject), "b": lambda: next(peer)}, 2)

    assert result.ratios(pair, lambda value: value) == [pytest.approx(2.0), pytest.approx(2.0)]
    assert result.spread("b", lambda value: value).median == pytest.approx(0.25)


def test_two_subjects_are_compared_with_the_same_peer_apart() -> None:
    pairs = [Pair("a", "c"), Pair("b", "c")]

    result = compare(pairs, {"a": lambda: 1.0, "b": lambda: 3.0, "c": lambda: 2.0}, 1)

    assert [result.ratios(pair, lambda value: value) for pair in pairs] == [[0.5], [1.5]]
    assert result.samples == {"a": [1.0], "b": [3.0], "c": [2.0, 2.0]}


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(median=3, q1=2, q3=4)
    assert Spread.of([7]) == Spread(median=7, q1=7, q3=7)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.1234, 0.1234], "0.123 [0.123, 0.123]"),
        ([6.4712, 6.4712], "6.47 [6.47, 6.47]"),
        ([2483.25, 2483.25], "2483 [2483, 2483]"),
    ],
)
def test_a_spread_shows_three_digits(values: list[float], text: str) -> None:
    assert str(Spread.of(values)) == text
