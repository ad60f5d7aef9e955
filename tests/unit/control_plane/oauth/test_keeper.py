from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from services.control_plane.oauth.keeper import Chore, Keeper


def counting(outcome: list[bool]) -> tuple[list[int], Callable[[], None]]:
    """Return the calls so far, and what fails as long as `outcome` says so."""
    calls: list[int] = []

    def do() -> None:
        calls.append(1)
        if outcome.pop(0):
            raise RedisConnectionError("away")

    return calls, do


def test_a_chore_is_done_when_it_is_due() -> None:
    calls, do = counting([False] * 2)
    chore = Chore("x", 5.0, do)
    for now in (1.0, 2.0, 5.9, 6.0):
        chore.turn(now)
    assert len(calls) == 2


def test_a_chore_that_fails_is_tried_again() -> None:
    calls, do = counting([True, False])
    chore = Chore("x", 0.0, do)
    for now in (1.0, 1.5, 2.0):
        chore.turn(now)
    assert len(calls) == 2


def test_a_fault_of_ours_is_seen_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def do() -> None:
        calls.append(1)
        raise KeyError("a row that nobody thought of")

    chore = Chore("x", 0.0, do)
    for now in (1.0, 2.0):
        chore.turn(now)
    assert len(calls) == 2
    assert "a row that nobody thought of" in caplog.text


def test_a_keeper_that_never_started_stops() -> None:
    Keeper(1.0).stop()
