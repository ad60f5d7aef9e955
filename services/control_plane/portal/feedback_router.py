"""What subscribers are told, and what they say."""

from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Sent, Subscriber
from services.control_plane.portal.fields import Mistakes, build
from services.control_plane.portal.frame import PageFrame
from services.control_plane.portal.store_router import StoreViews
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Feedback, Store
from services.control_plane.store.feedback_schemas import CommentWrite, RatingWrite
from services.control_plane.workflow import notices
from services.control_plane.workflow.approval_router import read_page
from services.control_plane.workflow.schemas import NoticesReadBody

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

_KINDS: Final = {
    "deprecated": "is deprecated: it takes no new subscriptions, and will end",
    "retired": "is retired: nobody can call it any more",
    "blocked": "is blocked for the time being",
    "unblocked": "can be called again",
    "new_version": "is a new version",
}


@router.get("/store/notices")
def list_notices(frame: PageFrame, caller: Subscriber, unit: Unit, paging: Paging) -> Response:
    return frame.show(
        "store/notices.html",
        page=notices.list_notices(unit.session, caller, paging, unread=False),
        kinds=_KINDS,
        asked=read_page(unit.session, PageQuery(limit=25), asked_by=caller.account_id),
    )


@router.post("/store/notices/read")
def mark_read(caller: Subscriber, sent: Sent, unit: Unit) -> Response:
    notices.mark_read(unit.session, caller, build(NoticesReadBody, {"ids": sent.all("ids")}).ids)
    return RedirectResponse("/store/notices", 303)


@router.post("/store/apis/{api_id}/rate")
def rate(
    caller: Subscriber, api_id: ResourceId, sent: Sent, unit: Unit, store: Store, feedback: Feedback, views: StoreViews
) -> Response:
    try:
        body = build(RatingWrite, {"stars": sent.number("stars")})
        feedback.rate(unit.session, store.find(unit.session, caller, api_id), body.stars, caller)
    except ProblemError as error:
        unit.close()
        return views.show(unit.session, api_id, Mistakes.of(error), 422)
    return RedirectResponse(f"/store/apis/{api_id}?done=rated", 303)


@router.post("/store/apis/{api_id}/comments")
def comment(
    caller: Subscriber, api_id: ResourceId, sent: Sent, unit: Unit, store: Store, feedback: Feedback, views: StoreViews
) -> Response:
    try:
        body = build(CommentWrite, {"text": sent.text("text")})
        feedback.comment(unit.session, store.find(unit.session, caller, api_id), body.text, caller)
    except ProblemError as error:
        unit.close()
        return views.show(unit.session, api_id, Mistakes.of(error), 422)
    return RedirectResponse(f"/store/apis/{api_id}?done=commented#comments", 303)


@router.post("/store/apis/{api_id}/comments/{comment_id}/delete")
def delete_own(
    caller: Subscriber,
    api_id: ResourceId,
    comment_id: ResourceId,
    _: Sent,
    unit: Unit,
    store: Store,
    feedback: Feedback,
) -> Response:
    api = store.find(unit.session, caller, api_id)
    feedback.delete_own(unit.session, feedback.find(unit.session, api, comment_id), caller)
    return RedirectResponse(f"/store/apis/{api_id}?done=deleted", 303)


@router.post("/publisher/apis/{api_id}/comments/{comment_id}/delete")
def remove(
    caller: Creator, api_id: ResourceId, comment_id: ResourceId, _: Sent, unit: Unit, apis: Apis, feedback: Feedback
) -> Response:
    """Remove a comment on an API that one manages."""
    api = apis.get(unit.session, api_id, caller)
    feedback.delete(unit.session, feedback.find(unit.session, api, comment_id))
    return RedirectResponse(f"/store/apis/{api_id}?done=deleted", 303)
