import random
from collections import Counter

from services.control_plane.usage.quantiles import estimate


def test_of_nothing_there_is_none() -> None:
    assert estimate({}) is None
    assert estimate({"3": 0}) is None


def test_values_lie_evenly_within_a_power_of_two() -> None:
    found = estimate({"7": 100})
    assert found is not None
    assert (found.count, found.p50, found.p90, found.p99) == (100, 96.0, 121.6, 127.36)


def test_a_unit_goes_over_all() -> None:
    found = estimate({"10": 1}, unit=0.001)
    assert found is not None
    assert found.p50 == 0.768


def test_it_is_right_to_within_a_factor_of_two() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    values = sorted(int(chance.lognormvariate(6, 2)) + 1 for _ in range(10_000))
    found = estimate(Counter(str((value - 1).bit_length()) for value in values))
    assert found is not None
    for share, guess in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        assert 0.5 <= guess / values[int(share * len(values))] <= 2
