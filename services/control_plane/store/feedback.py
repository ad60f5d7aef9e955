"""What people think of APIs: stars, and comments in plain text."""

from datetime import timedelta
from typing import Final

from sqlmodel import Session

from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.pagination import Page, PageQuery
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.publisher.models import Api
from services.control_plane.store import feedback_repository as repository
from services.control_plane.store.errors import NotYoursError, TooManyCommentsError
from services.control_plane.store.feedback_schemas import CommentRead, OwnRating
from services.control_plane.store.models import ApiComment, ApiRating

MOST_COMMENTS: Final = 10
"""Of one person in an hour."""

_WINDOW: Final = timedelta(hours=1)


class FeedbackService:
    """The APIs are found by those who call: what one may not see one does not judge."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get_rating(self, session: Session, api: Api, caller: Principal) -> OwnRating:
        rating = session.get(ApiRating, (api.id, caller.account_id))
        if rating is None:
            raise NotFoundError("You have not rated this API.")
        return OwnRating(stars=rating.stars, rated_at=rating.rated_at)

    def find_stars(self, session: Session, api: Api, caller: Principal) -> int | None:
        """Return how many stars a caller has given, if any."""
        rating = session.get(ApiRating, (api.id, caller.account_id))
        return rating.stars if rating else None

    def rate(self, session: Session, api: Api, stars: int, caller: Principal) -> OwnRating:
        now = self._clock()
        repository.put_rating(session, api.id, caller.account_id, stars, now)
        return OwnRating(stars=stars, rated_at=now)

    def unrate(self, session: Session, api: Api, caller: Principal) -> None:
        self.get_rating(session, api, caller)
        session.delete(session.get_one(ApiRating, (api.id, caller.account_id)))

    def list_comments(
        self, session: Session, api: Api, caller: Principal | None, paging: PageQuery
    ) -> Page[CommentRead]:
        """Return a page of comments. Strangers read no names."""
        rows, total = repository.list_comments(session, api.id, paging)
        names = identity_repository.names_of(session, {row.account_id for row in rows}) if caller else {}
        items = [_read(row, names.get(row.account_id), caller) for row in rows]
        return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)

    def comment(self, session: Session, api: Api, text: str, caller: Principal) -> CommentRead:
        now = self._clock()
        if repository.count_comments(session, caller.account_id, now - _WINDOW) >= MOST_COMMENTS:
            raise TooManyCommentsError(MOST_COMMENTS, int(_WINDOW.total_seconds()))
        row = ApiComment(id=new_id(), api_id=api.id, account_id=caller.account_id, text=text, created_at=now)
        session.add(row)
        session.flush()
        audit.record(session, repository.WRITTEN, "comment", row.id, api_id=api.id)
        return _read(row, caller.name, caller)

    def find(self, session: Session, api: Api, comment_id: str) -> ApiComment:
        """Return a comment on an API. Raises `NotFoundError`."""
        row = session.get(ApiComment, comment_id)
        if row is None or row.api_id != api.id:
            raise NotFoundError("There is no such comment.")
        return row

    def delete_own(self, session: Session, comment: ApiComment, caller: Principal) -> None:
        if comment.account_id != caller.account_id:
            raise NotYoursError
        self.delete(session, comment)

    def delete(self, session: Session, comment: ApiComment) -> None:
        """Delete a comment, whoever wrote it: for those who manage the API."""
        session.delete(comment)
        session.flush()
        audit.record(session, "comment.delete", "comment", comment.id, api_id=comment.api_id)


def _read(row: ApiComment, author: str | None, caller: Principal | None) -> CommentRead:
    own = caller is not None and caller.account_id == row.account_id
    return CommentRead(id=row.id, author=author, own=own, text=row.text, created_at=row.created_at)
