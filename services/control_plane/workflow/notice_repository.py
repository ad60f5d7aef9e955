"""Notices are steps of APIs' lives, seen from a subscription: nothing is written down twice."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import and_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.kit.rows import insert_new
from services.control_plane.publisher.models import Api, LifecycleEvent
from services.control_plane.store.models import Application, Subscription
from services.control_plane.store.repository import is_visible
from services.control_plane.workflow.models import NoticeRead

_LISTING: Final = Listing(
    search=(col(Api.name), col(Api.context)),
    sort={"at": col(LifecycleEvent.at), "name": col(Api.name)},
    unique=col(LifecycleEvent.id),
)
_TOLD: Final = ("deprecate", "retire", "block", "unblock")
"""Steps that subscribers of the very API hear of."""

_NEW_FROM: Final = ("CREATED", "PROTOTYPED")


def list_page(
    session: Session, caller: Principal, query: PageQuery, *, unread: bool
) -> tuple[Sequence[LifecycleEvent], int]:
    """Return what a caller's subscriptions give notice of; the latest first unless said."""
    query.sort = query.sort or "-at"
    return _LISTING.fetch(session, _unread(caller) if unread else _notices(caller), query)


def count_unread(session: Session, caller: Principal) -> int:
    return session.exec(select(func.count()).select_from(_unread(caller).subquery())).one()


def find_own(session: Session, caller: Principal, ids: Collection[int]) -> set[int | None]:
    """Return those of these notices that are a caller's."""
    own = _notices(caller).where(col(LifecycleEvent.id).in_(ids)).subquery()
    return set(session.exec(select(own.c.id)).all())


def find_read(session: Session, account_id: str, ids: Collection[int | None]) -> set[int]:
    """Return those of these notices that somebody has read."""
    read = select(NoticeRead.event_id).where(NoticeRead.account_id == account_id, col(NoticeRead.event_id).in_(ids))
    return set(session.exec(read).all())


def apis_of(session: Session, events: Sequence[LifecycleEvent]) -> dict[str, Api]:
    apis = session.exec(select(Api).where(col(Api.id).in_({event.api_id for event in events})))
    return {api.id: api for api in apis}


def mark_read(session: Session, account_id: str, ids: Collection[int]) -> None:
    for id_ in sorted(ids):
        insert_new(session, NoticeRead, account_id=account_id, event_id=id_)


def _unread(caller: Principal) -> SelectOfScalar[LifecycleEvent]:
    read = select(NoticeRead.event_id).where(NoticeRead.account_id == caller.account_id)
    return _notices(caller).where(col(LifecycleEvent.id).not_in(read))


def _notices(caller: Principal) -> SelectOfScalar[LifecycleEvent]:
    """Go from a caller's subscriptions to all versions of their APIs, and to the steps of these: past no one else's."""
    known = aliased(Api)
    told = and_(col(known.id) == col(Api.id), col(LifecycleEvent.action).in_(_TOLD))
    new = and_(
        col(known.id) != col(Api.id),
        col(LifecycleEvent.to_state) == "PUBLISHED",
        col(LifecycleEvent.from_state).in_(_NEW_FROM),
        is_visible(caller.roles),
    )
    return (
        select(LifecycleEvent)
        .join(Api, col(Api.id) == col(LifecycleEvent.api_id))
        .join(known, col(known.context_key) == col(Api.context_key))
        .join(Subscription, col(Subscription.api_id) == col(known.id))
        .join(Application, col(Application.id) == col(Subscription.application_id))
        .where(Application.owner_id == caller.account_id, Subscription.created_at <= LifecycleEvent.at, or_(told, new))
        .group_by(col(LifecycleEvent.id), col(Api.id))
    )
