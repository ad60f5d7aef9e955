"""The simulation's window answers as the script does."""

import time

from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from benchmarks.simulated.window import Window
from services.data_plane.throttle.scripts import WINDOW

LONG_MS = 31 * 24 * 3_600_000

questions = st.tuples(
    st.integers(1, 200),  # amount
    st.sampled_from([20, LONG_MS - 1, LONG_MS]),
    st.integers(0, 100),  # wanted
    st.integers(1, 20),  # least
    st.integers(0, 50),  # returned
    st.sampled_from([1, 1, 0]),  # of the last window that was heard of, or none
    st.sampled_from([0, 0, 0, 5]),  # ms later
)


def test_it_answers_as_the_script_does(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        script = redis.register_script(WINDOW.source)

        @given(st.lists(questions, max_size=20))
        def compare(asked: list[tuple[int, ...]]) -> None:
            redis.flushall()
            window, mark = Window(), 0
            for amount, window_ms, wanted, least, returned, same, later_ms in asked:
                time.sleep(later_ms / 1000)
                arguments = (amount, window_ms, wanted, least, returned, mark * same)
                answer = script(keys=["fg:{limit:model}"], args=[*arguments, 0, 100])
                now = answer[1] + window_ms - answer[4]  # its own time, by the window's end
                assert answer == window.lease(now, *arguments)
                mark = answer[1]

        compare()
