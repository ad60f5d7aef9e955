from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from services.control_plane.kit.problems import InvalidError
from services.control_plane.portal.usage_view import Wanted, describe_change


@pytest.mark.parametrize(
    ("now", "then", "words"),
    [(5, 5, "as before"), (5, 0, "new"), (15, 10, "+50%"), (5, 10, "-50%"), (100_001, 100_000, "as before")],
)
def test_a_change_is_told_in_words(now: int, then: int, words: str) -> None:
    assert describe_change(now, then) == words


def test_a_link_keeps_what_is_wanted_but_for_what_it_changes() -> None:
    wanted = Wanted.model_validate({"step": "day", "since": "2026-01-01", "measure": "bytes", "by": ""})
    assert parse_qs(wanted.at(compare=True)) == {
        "step": ["day"],
        "since": ["2026-01-01"],
        "measure": ["bytes"],
        "compare": ["True"],
    }
    assert parse_qs(wanted.at(step="minute")) == {"step": ["minute"], "measure": ["bytes"]}


def test_days_are_plotted_by_the_hour_or_by_the_day() -> None:
    assert Wanted.model_validate({"since": "2026-01-01", "until": "2026-01-02"}).query().step == "hour"
    assert Wanted.model_validate({"until": "2026-01-31"}).query().step == "day"
    with pytest.raises(InvalidError):
        Wanted.model_validate({"since": "2026-01-01", "until": "2026-12-31"}).query()


@pytest.mark.parametrize("day", ["0001-01-01", "1999-12-31", "9999-12-31"])
@pytest.mark.parametrize("field", ["since", "until"])
def test_the_ends_of_the_calendar_are_refused(field: str, day: str) -> None:
    with pytest.raises(ValidationError, match="should be"):
        Wanted.model_validate({field: day})
