"""Who did what, when and from where."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import KnownTotals, MayAdminister
from services.control_plane.kit.audit import AuditEntry
from services.control_plane.kit.pagination import Listing, Page, Paging
from services.control_plane.kit.problems import InvalidError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import Id
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/audit", tags=["audit"], route_class=UnitOfWorkRoute)

_LISTING: Final = Listing(
    search=(col(AuditEntry.action), col(AuditEntry.target_id), col(AuditEntry.address)),
    sort={"at": col(AuditEntry.at), "action": col(AuditEntry.action), "actor": col(AuditEntry.actor)},
    unique=col(AuditEntry.id),
)


class AuditRead(BaseModel):
    """`actor` is an account's id, `system`, or `anonymous`; `actor_name` is that of an account that is still there."""

    id: int
    at: datetime
    actor: str
    actor_name: str | None
    address: str
    action: str
    target_kind: str
    target_id: str
    details: dict[str, str] | None


@router.get("")
def list_entries(
    _: MayAdminister,
    unit: Unit,
    totals: KnownTotals,
    paging: Paging,
    actor: Id | None = None,
    action: Annotated[str | None, Query(max_length=50, pattern=r"^[a-z_.-]+$")] = None,
    target_kind: Annotated[str | None, Query(max_length=50, pattern=r"^[a-z_ -]+$")] = None,
    target_id: Annotated[str | None, Query(max_length=200, pattern=r"^[\w./* -]+$")] = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Page[AuditRead]:
    """List what was done, the latest first unless said."""
    equal = {"actor": actor, "action": action, "target_kind": target_kind, "target_id": target_id}
    entries = select(AuditEntry)
    for name, value in equal.items():
        if value is not None:
            entries = entries.where(getattr(AuditEntry, name) == value)
    paging.sort = paging.sort or "-at"
    everything = not paging.q and not any(value is not None for value in (*equal.values(), since, until))
    total = totals.count_entries(unit.session) if everything else None
    rows, total = _LISTING.fetch(unit.session, _between(entries, since, until), paging, total)
    names = repository.names_of(unit.session, {row.actor for row in rows})
    items = [AuditRead.model_validate({**row.model_dump(), "actor_name": names.get(row.actor)}) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


def _between(
    entries: SelectOfScalar[AuditEntry], since: datetime | None, until: datetime | None
) -> SelectOfScalar[AuditEntry]:
    for field, time in (("since", since), ("until", until)):
        if time is not None and time.tzinfo is None:
            raise InvalidError.of(field, "must say its offset from UTC, such as 2026-01-31T12:00:00Z")
    if since is not None:
        entries = entries.where(AuditEntry.at >= since)
    if until is not None:
        entries = entries.where(AuditEntry.at < until)
    return entries
