import tracemalloc
from datetime import UTC, datetime, timedelta

from services.control_plane.kit.guesses import FREE_FAILURES, MAX_GUESSERS, Guesses

WHO = ("client", "192.0.2.1")


class Clock:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def failed(clock: Clock, times: int) -> Guesses:
    guesses = Guesses(clock)
    for _ in range(times):
        guesses.failed(WHO)
    return guesses


def test_a_few_failures_are_forgiven() -> None:
    assert failed(Clock(), FREE_FAILURES - 1).wait_seconds(WHO) == 0


def test_the_wait_doubles_up_to_a_minute() -> None:
    waits = [failed(Clock(), FREE_FAILURES + more).wait_seconds(WHO) for more in (0, 1, 2, 5, 6, 500)]
    assert waits == [1, 2, 4, 32, 60, 60]


def test_the_wait_ends_and_the_failures_count_on() -> None:
    clock = Clock()
    guesses = failed(clock, FREE_FAILURES)
    clock.now += timedelta(seconds=1)
    assert guesses.wait_seconds(WHO) == 0
    guesses.failed(WHO)
    assert guesses.wait_seconds(WHO) == 2
    clock.now += timedelta(minutes=16)
    guesses.failed(WHO)
    assert guesses.wait_seconds(WHO) == 0


def test_another_address_and_another_client_do_not_wait() -> None:
    guesses = failed(Clock(), 50)
    assert guesses.wait_seconds(("client", "192.0.2.2")) == guesses.wait_seconds(("other", WHO[1])) == 0


def test_a_success_forgives() -> None:
    guesses = failed(Clock(), 50)
    guesses.succeeded(WHO)
    assert guesses.wait_seconds(WHO) == 0


def test_memory_is_bounded() -> None:
    guesses = failed(Clock(), 50)
    for number in range(MAX_GUESSERS):
        guesses.failed((str(number), "192.0.2.1"))
    assert guesses.wait_seconds(WHO) == 0  # the oldest was forgotten
    assert len(guesses._records) == MAX_GUESSERS


def test_a_long_name_takes_no_more_memory_than_a_short_one() -> None:
    guesses = Guesses(Clock())
    tracemalloc.start()
    for index in range(20):
        guesses.failed((f"{index}" + "x" * 100_000, "192.0.2.1"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 100_000


def test_half_a_surrogate_is_a_name_too() -> None:
    guesses = Guesses(Clock())
    guesses.failed(("\ud800", "192.0.2.1"))
    assert guesses.wait_seconds(("\ud800", "192.0.2.1")) == 0
