"""What people think of APIs."""

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import AnyCaller, MaySubscribe, MayWriteApis
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Feedback, Store
from services.control_plane.store.feedback_schemas import CommentRead, CommentWrite, OwnRating, RatingWrite

router = APIRouter(prefix="/store/v1/apis/{api_id}", tags=["store"], route_class=UnitOfWorkRoute)
moderation = APIRouter(prefix="/publisher/v1/apis/{api_id}/comments", tags=["publisher"], route_class=UnitOfWorkRoute)


@router.get("/rating", responses=declare("not_found"))
def get_rating(caller: MaySubscribe, api_id: ResourceId, unit: Unit, store: Store, feedback: Feedback) -> OwnRating:
    """Return one's own rating. Those of all stand in the API itself."""
    return feedback.get_rating(unit.session, store.find(unit.session, caller, api_id), caller)


@router.put("/rating", responses=declare("not_found"))
def rate(
    caller: MaySubscribe, api_id: ResourceId, body: RatingWrite, unit: Unit, store: Store, feedback: Feedback
) -> OwnRating:
    """Give an API one to five stars, in the place of those that one gave before."""
    return feedback.rate(unit.session, store.find(unit.session, caller, api_id), body.stars, caller)


@router.delete("/rating", status_code=204, responses=declare("not_found"))
def unrate(caller: MaySubscribe, api_id: ResourceId, unit: Unit, store: Store, feedback: Feedback) -> None:
    feedback.unrate(unit.session, store.find(unit.session, caller, api_id), caller)


@router.get("/comments", responses=declare("not_found"))
def list_comments(
    caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store, feedback: Feedback, paging: Paging
) -> Page[CommentRead]:
    return feedback.list_comments(unit.session, store.find(unit.session, caller, api_id), caller, paging)


@router.post("/comments", status_code=201, responses=declare("not_found", "too_many_requests"))
def comment(
    caller: MaySubscribe,
    api_id: ResourceId,
    body: CommentWrite,
    unit: Unit,
    store: Store,
    feedback: Feedback,
    response: Response,
) -> CommentRead:
    made = feedback.comment(unit.session, store.find(unit.session, caller, api_id), body.text, caller)
    response.headers["Location"] = f"/store/v1/apis/{api_id}/comments/{made.id}"
    return made


@router.delete("/comments/{comment_id}", status_code=204, responses=declare("not_found", "forbidden"))
def delete_own_comment(
    caller: MaySubscribe, api_id: ResourceId, comment_id: ResourceId, unit: Unit, store: Store, feedback: Feedback
) -> None:
    api = store.find(unit.session, caller, api_id)
    feedback.delete_own(unit.session, feedback.find(unit.session, api, comment_id), caller)


@moderation.delete("/{comment_id}", status_code=204, responses=declare("not_found"))
def delete_comment(
    caller: MayWriteApis, api_id: ResourceId, comment_id: ResourceId, unit: Unit, apis: Apis, feedback: Feedback
) -> None:
    """Remove a comment on an API that one manages."""
    api = apis.get(unit.session, api_id, caller)
    feedback.delete(unit.session, feedback.find(unit.session, api, comment_id))
