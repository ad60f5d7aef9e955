from typing import get_args

import pytest

from services.control_plane.portal.words import GAPS, close_words, describe_policy, describe_quota, describe_span
from services.control_plane.throttling.schemas import BurstBody, LimitBody, PolicyWrite
from services.control_plane.usage.schemas import Gap
from shared.problems import PROBLEMS


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "second"), (60, "minute"), (90, "90 seconds"), (300, "5 minutes"), (3600, "hour"), (172_800, "2 days")],
)
def test_a_span_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert describe_span(seconds) == words


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (LimitBody(amount=5000), "5,000 messages every minute from client to backend"),
        (
            LimitBody(unit="bytes", amount=1, window_seconds=1, direction="both"),
            "1 byte every second in both directions together",
        ),
        (LimitBody(unit="handshakes", amount=20, window_seconds=3600), "20 handshakes every hour"),
        (LimitBody(unit="connections", amount=1, window_seconds=None), "1 connection open at once"),
    ],
)
def test_a_limit_in_words(limit: LimitBody, words: str) -> None:
    assert describe_quota([limit], None) == words


def test_no_limit_and_a_burst_in_words() -> None:
    assert describe_quota([], None) == "No limit"
    assert describe_quota([], BurstBody(amount=10, window_seconds=1)) == "bursts of 10 messages, refilled every second"


def test_a_policy_says_what_happens_to_excess() -> None:
    policy = PolicyWrite(
        name="P", level="subscription", limits=[LimitBody(amount=2)], max_delay_seconds=1.5, shadow=True, overrides=[]
    )
    assert describe_policy(policy) == [
        "Allows 2 messages every minute from client to backend.",
        "What exceeds it waits until quota is back; nothing is lost.",
        "After 1.5 seconds of waiting the connection closes with code 4429.",
        "It only watches: excess is counted and reported, and passes.",
    ]


def test_every_close_has_words_and_says_whether_to_come_back() -> None:
    words = close_words()
    assert words.keys() >= PROBLEMS.keys() | {"1000", "1006", "1011"}
    assert words["quota_exceeded"].endswith("Connect again when you like.")
    assert words["subscription_blocked"].endswith("Connecting again will not help until that is changed.")


def test_every_cause_of_a_gap_has_words() -> None:
    assert set(GAPS) == set(get_args(Gap.model_fields["cause"].annotation))
