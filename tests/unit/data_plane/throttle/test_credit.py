import pytest

from services.data_plane.throttle.credit import Lease


def lease(*, window_seconds: float = 60.0, rolling: bool = False) -> Lease:
    """Return one that was granted 100 at 0 s, of a million."""
    made = Lease("key", "api", "messages", rolling=rolling)
    made.amount, made.window_seconds, made.size = 1_000_000, window_seconds, 100
    return made


@pytest.mark.parametrize(
    ("window_seconds", "too_short", "too_long"),
    [(1, 0.04, 0.21), (10, 0.04, 0.21), (30, 0.14, 0.61), (60, 0.29, 1.21), (86_400, 0.29, 1.21)],
)
def test_a_lease_is_to_last_for_some_thousandths_of_its_window(
    window_seconds: float, too_short: float, too_long: float
) -> None:
    for lasted, size in ((too_short, 200), (too_short + 0.02, 100), (too_long - 0.02, 100), (too_long, 50)):
        fitted = lease(window_seconds=window_seconds)
        fitted.fit(100, 0, lasted)
        assert fitted.size == size


def meet(made: Lease, each_second: int, seconds: float) -> list[int]:
    """Spend evenly, and return how large leases were: more is asked for, and granted, when half is spent."""
    sizes, now, left = [made.size], 0.0, made.size
    made.fetched_at, made.filled = 0.0, left
    while now < seconds:
        spent = max(1, left - sizes[-1] // 2)
        now += spent / each_second
        granted = made.size
        left += granted - spent
        made.fit(granted, spent, now)
        made.filled = left
        sizes.append(granted)
    return sizes


@pytest.mark.parametrize("each_second", [500, 4000, 20_000])
def test_at_an_even_rate_a_lease_soon_lasts_for_long_enough_and_no_longer(each_second: int) -> None:
    fitted = lease()
    fitted.size = 8
    sizes = meet(fitted, each_second, 60)
    assert len([size for size in sizes if size < 0.3 * each_second]) <= 12
    assert max(sizes) <= 1.2 * each_second
    assert 0.3 * each_second <= sizes[-1] == sizes[-10]


@pytest.mark.parametrize(("by_bytes", "few"), [(False, 15), (True, 15 * 1024)])
def test_a_few_messages_in_a_row_say_little_of_the_need(by_bytes: bool, few: int) -> None:
    fitted = lease()
    fitted.by_bytes = by_bytes
    fitted.fit(100, few, 0.001)
    assert fitted.size == 200


def test_that_little_was_soon_spent_is_no_reason_to_ask_for_more() -> None:
    fitted = lease()
    fitted.fit(99, 99, 0.01)
    assert fitted.size == 100


def test_credit_of_a_bucket_does_not_last_long_enough_to_be_large() -> None:
    fitted = lease(rolling=True)
    fitted.fit(100, 100, 0.06)
    assert fitted.size == 100


def test_no_lease_is_larger_than_a_quarter_of_its_limit_or_smaller_than_one() -> None:
    fitted = lease()
    fitted.amount = 500
    fitted.fit(100, 0, 0.01)
    assert fitted.size == 125
    for second in range(2, 40, 2):
        fitted.fit(fitted.size, fitted.size, float(second))
    assert fitted.size == 1
