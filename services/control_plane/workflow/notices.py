"""What subscribers are told of the APIs that they use."""

from typing import Final

from sqlmodel import Session

from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import Page, PageQuery
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.publisher.models import Api, LifecycleEvent
from services.control_plane.workflow import notice_repository as repository
from services.control_plane.workflow.schemas import NoticeItem

_KINDS: Final[dict[str, str]] = {
    "deprecate": "deprecated",
    "retire": "retired",
    "block": "blocked",
    "unblock": "unblocked",
    "publish": "new_version",
}


def list_notices(session: Session, caller: Principal, paging: PageQuery, *, unread: bool) -> Page[NoticeItem]:
    rows, total = repository.list_page(session, caller, paging, unread=unread)
    read = repository.find_read(session, caller.account_id, {row.id for row in rows})
    apis = repository.apis_of(session, rows)
    items = [_read(row, apis[row.api_id], read=row.id in read) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


def mark_read(session: Session, caller: Principal, ids: list[int]) -> None:
    """Note that notices were read. Raises `NotFoundError` where one is not the caller's."""
    wanted = set(ids)
    if wanted != repository.find_own(session, caller, wanted):
        raise NotFoundError("There is no such notice.")
    repository.mark_read(session, caller.account_id, wanted)


def _read(event: LifecycleEvent, api: Api, *, read: bool) -> NoticeItem:
    return NoticeItem.model_validate(
        {
            "id": event.id,
            "kind": _KINDS[event.action],
            "api_id": api.id,
            "name": api.name,
            "context": api.context,
            "version": api.version,
            "at": event.at,
            "read": read,
        }
    )
