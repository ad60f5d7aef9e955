"""What happened to APIs that one has subscribed to."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.control_plane.identity.dependencies import MaySubscribe
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.workflow import notices
from services.control_plane.workflow.schemas import NoticeItem, NoticesReadBody

router = APIRouter(prefix="/store/v1/notices", tags=["store"], route_class=UnitOfWorkRoute)


@router.get("")
def list_notices(
    caller: MaySubscribe,
    unit: Unit,
    paging: Paging,
    unread: Annotated[bool, Query(description="only what was not read yet")] = False,
) -> Page[NoticeItem]:
    return notices.list_notices(unit.session, caller, paging, unread=unread)


@router.post("/read", status_code=204, responses=declare("not_found"))
def mark_read(caller: MaySubscribe, body: NoticesReadBody, unit: Unit) -> None:
    notices.mark_read(unit.session, caller, body.ids)
