"""Usage in pictures: of an API for its publisher, of all for administrators."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Administrator, Reader
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.usage_picture import HEIGHT, WIDTH, draw
from services.control_plane.portal.words import close_words
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.publisher.projection import read_api
from services.control_plane.usage.dependencies import Reader as Usage
from services.control_plane.usage.reports import Scope, UsageReader
from services.control_plane.usage.schemas import UsageQuery

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

STEPS: Final = (("minute", "Last hour"), ("hour", "Last day"), ("day", "Last 30 days"))

Step = Annotated[Literal["minute", "hour", "day"], Query()]


@router.get("/publisher/apis/{api_id}/usage")
def show_api_usage(
    frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, usage: Usage, step: Step = "hour"
) -> Response:
    api = read_api(apis.get(unit.session, api_id, caller))
    return _show("publisher/usage.html", frame, unit.session, usage, Scope(api_id=api.id), step, api=api)


@router.get("/admin/usage")
def show_usage(frame: PageFrame, _: Administrator, unit: Unit, usage: Usage, step: Step = "hour") -> Response:
    return _show("admin/usage.html", frame, unit.session, usage, Scope(), step)


def _show(
    template: str,
    frame: Frame,
    session: Session,
    usage: UsageReader,
    scope: Scope,
    step: Literal["minute", "hour", "day"],
    **more: Any,
) -> Response:
    report = usage.report(session, scope, UsageQuery(step=step))
    parts = UsageQuery(step="total", group_by=["api", "application"], since=report.since, until=report.until, limit=50)
    return frame.show(
        template,
        picture=draw(report),
        size=(WIDTH, HEIGHT),
        report=report,
        parts=usage.report(session, scope, parts).items,
        steps=STEPS,
        words=close_words(),
        **more,
    )
