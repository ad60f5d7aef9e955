"""Sums for plots: by part, with the rest together, and beside the range before."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from services.control_plane.identity.models import Account
from services.control_plane.store.models import Application
from services.control_plane.usage.analytics import MAX_LINES, OTHERS, Asked, draw, totals, traffic
from services.control_plane.usage.models import Usage, UsageCause
from services.control_plane.usage.reports import Scope, Span
from tests.integration.control_plane.platform import Platform

NOON = datetime(2126, 1, 31, 12, tzinfo=UTC)  # what is old is swept out meanwhile
SPAN = Span(NOON - timedelta(hours=3), NOON, "hour")


def hour(session: Session, at: datetime, api_id: str, sent: int, *, application_id: str = "", **counts: Any) -> None:
    key: dict[str, Any] = {
        "step": "hour",
        "at": at,
        "api_id": api_id,
        "application_id": application_id,
        "key_type": "PRODUCTION",
    }
    session.add(Usage(**key, messages_published=sent, **counts))


def cause(session: Session, kind: str, cause: str, count: int, api_id: str = "a") -> None:
    key: dict[str, Any] = {
        "step": "hour",
        "at": SPAN.since,
        "api_id": api_id,
        "application_id": "",
        "key_type": "PRODUCTION",
    }
    session.add(UsageCause(**key, kind=kind, cause=cause, count=count))


async def test_parts_add_up_with_those_that_have_no_line(platform: Platform) -> None:
    with platform.database.writing() as session:
        for number in range(MAX_LINES + 3):
            hour(session, SPAN.since, f"api-{number}", 100 - number, messages_delivered=1)
            hour(session, SPAN.since - timedelta(hours=3), f"api-{number}", 10)
            hour(session, NOON, f"api-{number}", 1000)  # no part of it
    with platform.database.reading() as session:
        chart = draw(session, Asked(Scope(), SPAN, "messages", "version"))
        plain = draw(session, Asked(Scope(), SPAN, "messages"))
        assert totals(session, Scope(), SPAN)["messages"] == sum(line.total for line in chart.lines)
    assert [line.name for line in chart.lines] == [*(f"api-{number}" for number in range(MAX_LINES)), OTHERS]
    assert chart.lines[0].values == [101, 0, 0]
    assert (chart.lines[0].before, chart.lines[-1].before) == (10, 30)
    assert chart.before == [80, 0, 0]
    assert [(line.name, line.total) for line in plain.lines] == [("messages_published", 772), ("messages_delivered", 8)]


async def test_errors_are_refusals_and_ends_that_should_not_be(platform: Platform) -> None:
    with platform.database.writing() as session:
        cause(session, "refused", "subscription_blocked", 2)
        cause(session, "closed", "client:1000", 50)
        cause(session, "closed", "backend:1011", 3)
        cause(session, "closed", "quota_exceeded:4429", 4, "b")
    with platform.database.reading() as session:
        plain = draw(session, Asked(Scope(), SPAN, "errors"))
        by_cause = draw(session, Asked(Scope(api_id="a"), SPAN, "errors", "cause"))
        assert totals(session, Scope(), SPAN)["errors"] == 9
    assert [(line.name, line.total) for line in plain.lines] == [("refused", 2), ("closed", 7)]
    assert [(line.name, line.total) for line in by_cause.lines] == [("backend:1011", 3), ("subscription_blocked", 2)]


async def test_names_are_those_that_people_know(platform: Platform) -> None:
    api = await platform.publish_api()
    application = await platform.make_application("Dashboard")
    next_ = await platform.made(f"/publisher/v1/apis/{api['id']}/versions", {"version": "2.0"})
    with platform.database.writing() as session:
        for row in (api, next_):
            hour(session, SPAN.since, row["id"], 5, application_id=application["id"])
    with platform.database.reading() as session:
        charts = {by: draw(session, Asked(Scope(), SPAN, "messages", by)) for by in ("api", "version", "application")}
        day = traffic(session, [api["id"], "quiet"], NOON)
    names = {by: sorted((line.name, line.total) for line in chart.lines) for by, chart in charts.items()}
    assert names == {
        "api": [("EchoWebSocket", 10)],
        "version": [("EchoWebSocket 1.0", 5), ("EchoWebSocket 2.0", 5)],
        "application": [("Dashboard", 10)],
    }
    assert (sum(day[api["id"]]), len(day["quiet"]), sum(day["quiet"])) == (5, 24, 0)


async def test_applications_of_one_name_are_told_apart(platform: Platform) -> None:
    mine = await platform.make_application("Dashboard")
    with platform.database.writing() as session:
        row = session.get_one(Application, mine["id"])
        own = session.get_one(Account, row.owner_id)
        session.add(Account(id="ann", kind="person", name="ann", created_at=NOON))
        session.flush()
        session.add(Application(**row.model_dump() | {"id": "hers", "owner_id": "ann"}))
        hour(session, SPAN.since, "a", 5, application_id=row.id)
        hour(session, SPAN.since, "a", 7, application_id="hers")
        names = f"Dashboard of {own.name}", "Dashboard of ann"
    with platform.database.reading() as session:
        chart = draw(session, Asked(Scope(api_id="a"), SPAN, "messages", "application"))
    assert {line.name: line.total for line in chart.lines} == dict(zip(names, (5, 7), strict=True))
