from contextlib import ExitStack

import pytest

from services.control_plane.kit.problems import UnavailableError
from services.control_plane.portal.live_room import PLACES, PLACES_A_SESSION, LiveRoom


def test_a_session_has_a_few_places_and_gets_them_back() -> None:
    room = LiveRoom()
    for _ in range(2):
        with ExitStack() as stack:
            for _ in range(PLACES_A_SESSION):
                stack.enter_context(room.place("mine"))
            with pytest.raises(UnavailableError):
                stack.enter_context(room.place("mine"))
            stack.enter_context(room.place("theirs"))


def test_all_sessions_together_have_an_end() -> None:
    room = LiveRoom()
    with ExitStack() as stack:
        for number in range(PLACES):
            stack.enter_context(room.place(str(number)))
        with pytest.raises(UnavailableError):
            stack.enter_context(room.place("one more"))
