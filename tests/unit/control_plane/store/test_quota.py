import pytest

from services.control_plane.store.quota import Quota, read_quota
from shared.limits import PolicyName, Rule

RULE = Rule(unit="messages", direction="both", amount=10, window_seconds=60, counter="messages:both:0")
QUOTA = Quota("subscription", "sub", {"api_id": "api"}, PolicyName("Gold"), RULE)
START_MS, WINDOW_MS = 1_800_000_000_000, 60_000


@pytest.mark.parametrize(
    ("spent", "after_ms", "used", "left", "resets_in_ms"),
    [
        ("4", 0, 4, 6, 60_000),
        ("4", 59_999, 4, 6, 1),
        ("4", 60_000, 0, 10, 0),
        ("12", 1000, 12, 0, 59_000),  # the policy allowed more when they were spent
    ],
)
def test_what_is_spent_counts_until_its_window_ends(
    spent: str, after_ms: int, used: int, left: int, resets_in_ms: int
) -> None:
    read = read_quota(QUOTA, [str(START_MS), str(WINDOW_MS), spent], START_MS + after_ms)
    assert (read.used, read.left, read.resets_in_ms) == (used, left, resets_in_ms)


def test_nothing_is_used_where_nothing_was_counted() -> None:
    read = read_quota(QUOTA, [None, None, None], START_MS)
    assert (read.used, read.left, read.resets_in_ms) == (0, 10, 0)
