from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from services.control_plane.identity.models import Account
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.store.feedback_schemas import RatingRead
from services.control_plane.store.models import ApiComment, ApiRating

WRITTEN: Final = "comment.create"
"""What the audit says of a comment."""

_COMMENTS: Final = Listing(
    search=(col(ApiComment.text),), sort={"created_at": col(ApiComment.created_at)}, unique=col(ApiComment.id)
)


def put_rating(session: Session, api_id: str, account_id: str, stars: int, now: datetime) -> None:
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(ApiRating).values(api_id=api_id, account_id=account_id, stars=stars, rated_at=now)
    said = {"stars": stars, "rated_at": now}
    session.execute(statement.on_conflict_do_update(index_elements=["api_id", "account_id"], set_=said))


def ratings_of(session: Session, api_ids: Collection[str]) -> dict[str, RatingRead]:
    """Return the average and the number of ratings of those APIs that have any."""
    rated = select(ApiRating.api_id, func.avg(ApiRating.stars), func.count()).where(col(ApiRating.api_id).in_(api_ids))
    return {
        api_id: RatingRead(average=round(float(average), 2), count=count)
        for api_id, average, count in session.exec(rated.group_by(col(ApiRating.api_id)))
    }


def list_comments(session: Session, api_id: str, query: PageQuery) -> tuple[Sequence[ApiComment], int]:
    """Return a page of comments on an API; the latest first unless said."""
    query.sort = query.sort or "-created_at"
    return _COMMENTS.fetch(session, select(ApiComment).where(ApiComment.api_id == api_id), query)


def count_comments(session: Session, account_id: str, since: datetime) -> int:
    """Count what somebody wrote since then, deleted or not, and keep them from writing more until the commit."""
    session.exec(select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)).first()
    written = (AuditEntry.actor == account_id, AuditEntry.at > since, AuditEntry.action == WRITTEN)
    return session.exec(select(func.count()).select_from(AuditEntry).where(*written)).one()
