"""Where the spans of time begin and end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.control_plane.usage.steps import Step, ceiling, floor

TIME = datetime(2026, 2, 28, 23, 59, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "began", "ended"),
    [
        ("minute", datetime(2026, 2, 28, 23, 59, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("hour", datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("day", datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_one_span(step: Step, began: datetime, ended: datetime) -> None:
    assert (floor(TIME, step), ceiling(TIME, step)) == (began, ended)
    assert floor(began, step) == ceiling(began, step) == began


def test_spans_are_of_utc_wherever_the_caller_is() -> None:
    there = TIME.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert floor(there, "day") == datetime(2026, 2, 28, tzinfo=UTC)
