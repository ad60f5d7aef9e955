"""Which spans a question means, and how rows become CSV."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.control_plane.kit.problems import InvalidError
from services.control_plane.usage.models import COUNTS
from services.control_plane.usage.reports import as_csv, find_span
from services.control_plane.usage.schemas import Gap, UsageItem, UsageQuery, UsageReport

NOW = datetime(2026, 3, 15, 12, 30, 30, tzinfo=UTC)


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "since", "until", "step"),
    [
        ({}, "2026-03-14T13:00", "2026-03-15T13:00", "hour"),
        ({"step": "minute"}, "2026-03-15T11:31", "2026-03-15T12:31", "minute"),
        ({"step": "day"}, "2026-02-14", "2026-03-16", "day"),
        ({"step": "day", "since": "2026-03-01T09:00Z"}, "2026-03-01", "2026-03-16", "day"),
        ({"step": "total"}, "2026-02-14", "2026-03-15T13:00", "hour"),
        ({"step": "total", "since": "2025-03-01T05:00+05:30"}, "2025-02-28", "2026-03-16", "day"),
        ({"step": "total", "since": "2026-03-15T12:10Z"}, "2026-03-15T12:10", "2026-03-15T12:31", "minute"),
        ({"step": "total", "month": "2026-02"}, "2026-02-01", "2026-03-01", "day"),
        ({"step": "total", "month": "2026-12"}, "2026-12-01", "2027-01-01", "day"),
        ({"step": "day", "month": "2024-02"}, "2024-02-01", "2024-03-01", "day"),
        (
            {"step": "total", "since": "2026-03-01T09:00Z", "until": "2026-03-02T10:00Z"},
            "2026-03-01T09:00", "2026-03-02T10:00", "hour",
        ),
        (
            {"step": "total", "since": "2026-03-01T09:00:20Z", "until": "2026-03-02T10:00Z"},
            "2026-03-01T09:00", "2026-03-02T10:00", "hour",
        ),
    ],
    ids=range(12),
)  # fmt: skip
def test_bounds_are_moved_out_to_full_steps(asked: dict[str, Any], since: str, until: str, step: str) -> None:
    span = find_span(UsageQuery.model_validate(asked), NOW)
    assert (span.since, span.until, span.step) == (time(since), time(until), step)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"since": "2026-03-16T00:00Z"}, "since"),
        ({"step": "minute", "since": "2026-01-01T00:00Z"}, "step"),
        ({"month": "2026-01", "since": "2026-01-01T00:00Z"}, "month"),
        ({"month": "0000-01"}, "month"),
        ({"step": "hour", "since": "2026-01-01T00:00Z"}, "step"),
    ],
)
def test_what_makes_no_sense_is_refused(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as refused:
        find_span(UsageQuery.model_validate(asked), NOW)
    assert refused.value.members["errors"][0]["field"] == field


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("field", ["since", "until"])
def test_the_ends_of_the_calendar_are_refused(field: str, time: str) -> None:
    with pytest.raises(ValidationError, match="should be"):
        UsageQuery.model_validate({"step": "day", field: time})


@pytest.mark.parametrize("time", ["2000-01-01T00:00:00Z", "9000-01-01T00:00:00Z"])
def test_what_is_just_within_them_overflows_nothing(time: str) -> None:
    span = find_span(UsageQuery.model_validate({"step": "total", "since": "2000-01-01T00:00:00Z"}), NOW)
    assert span.since.year == 2000
    for step in ("minute", "hour", "day", "total"):
        with suppress(InvalidError):
            find_span(UsageQuery.model_validate({"step": step, "until": time}), NOW)


def report(*items: UsageItem, **more: Any) -> UsageReport:
    known: dict[str, Any] = {"since": NOW, "until": NOW + timedelta(days=1), "step": "total", "truncated": False}
    return UsageReport.model_validate(known | {"items": items, "refused": {}, "closed": {}} | more)


def item(**known: Any) -> UsageItem:
    return UsageItem.model_validate(dict.fromkeys(COUNTS, 1) | known)


def test_a_table_has_a_column_for_what_is_told_apart() -> None:
    head, row, end = as_csv(report(item(application_id="a", application="Mine, and yours"))).split("\r\n")
    assert head.startswith("application_id,application,opened,messages_published")
    assert (row, end) == ('a,"Mine, and yours",1,1,1,1,1,1,1,1,', "")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_name_becomes_a_formula(name: str) -> None:
    assert f"a,'{name}," in as_csv(report(item(application_id="a", application=name)))


def test_a_table_says_in_which_line_something_may_be_missing() -> None:
    hours = [item(at=NOW + timedelta(hours=number)) for number in range(3)]
    lost = {"pod": "p", "since": NOW + timedelta(minutes=30), "until": NOW + timedelta(minutes=70), "count": 0}
    gaps = [Gap.model_validate(lost | {"cause": cause}) for cause in ("pod_lost", "no_room", "pod_lost")]
    marked = as_csv(report(*hours, step="hour", incomplete=gaps)).splitlines()
    assert [line.rpartition(",")[2] for line in marked] == ["incomplete", "no_room pod_lost", "no_room pod_lost", ""]
    assert as_csv(report(item(), incomplete=gaps)).splitlines()[1].endswith(",no_room pod_lost")


def test_a_table_without_rows_has_its_head() -> None:
    assert as_csv(report()).startswith("opened,")
