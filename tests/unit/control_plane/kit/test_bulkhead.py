import pytest

from services.control_plane.kit.bulkhead import Bulkhead, Shares
from services.control_plane.kit.problems import UnavailableError


def test_who_finds_no_place_is_told_to_come_back() -> None:
    bulkhead = Bulkhead(1, 0)
    with bulkhead.place(), pytest.raises(UnavailableError) as caught, bulkhead.place():
        pass
    assert caught.value.headers == {"Retry-After": "2"}


def test_a_place_is_given_back_whatever_happens() -> None:
    bulkhead = Bulkhead(1, 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), bulkhead.place():
            raise ZeroDivisionError


def test_nobody_has_more_than_their_share() -> None:
    shares = Shares(2)
    with shares.place("one"), shares.place("one"), shares.place("another"):
        with pytest.raises(UnavailableError, match="2 of these"), shares.place("one"):
            pass
        with shares.place("another"):
            pass
    with shares.place("one"), shares.place("one"):
        pass
