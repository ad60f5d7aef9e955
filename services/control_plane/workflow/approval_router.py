"""What administrators are asked, and what those who asked see of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body
from sqlmodel import Session

from services.control_plane.identity import repository as identity_repository
from services.control_plane.identity.dependencies import Caller, MayAdminister
from services.control_plane.kit.approvals import Kind
from services.control_plane.kit.pagination import Page, PageQuery, Paging
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.workflow import repository
from services.control_plane.workflow.choices import ApprovalState
from services.control_plane.workflow.dependencies import Answers
from services.control_plane.workflow.models import Approval
from services.control_plane.workflow.projection import read_approval
from services.control_plane.workflow.schemas import ApprovalRead, Decision

router = APIRouter(prefix="/admin/v1/approvals", tags=["approvals"], route_class=UnitOfWorkRoute)
own = APIRouter(prefix="/account/v1/approvals", tags=["approvals"], route_class=UnitOfWorkRoute)

_DecisionBody = Annotated[Decision | None, Body()]


@router.get("")
def list_approvals(
    _: MayAdminister, unit: Unit, paging: Paging, kind: Kind | None = None, state: ApprovalState | None = None
) -> Page[ApprovalRead]:
    return read_page(unit.session, paging, kind=kind, state=state)


@router.get("/{approval_id}", responses=declare("not_found"))
def get_approval(_: MayAdminister, approval_id: ResourceId, unit: Unit, answers: Answers) -> ApprovalRead:
    return _read(unit.session, answers.get(unit.session, approval_id))


@router.post("/{approval_id}/approve", responses=declare("not_found", "conflict", "transition_not_open"))
def approve(
    caller: MayAdminister, approval_id: ResourceId, unit: Unit, answers: Answers, body: _DecisionBody = None
) -> ApprovalRead:
    """Have done what was asked, all of it or, where that is not possible any more, nothing."""
    comment = (body or Decision()).comment
    return _read(unit.session, answers.decide(unit.session, approval_id, "approve", comment, caller))


@router.post("/{approval_id}/reject", responses=declare("not_found", "conflict"))
def reject(
    caller: MayAdminister, approval_id: ResourceId, unit: Unit, answers: Answers, body: _DecisionBody = None
) -> ApprovalRead:
    comment = (body or Decision()).comment
    return _read(unit.session, answers.decide(unit.session, approval_id, "reject", comment, caller))


@own.get("")
def list_own_approvals(
    caller: Caller, unit: Unit, paging: Paging, kind: Kind | None = None, state: ApprovalState | None = None
) -> Page[ApprovalRead]:
    """List what one has asked the administrators, and what they said."""
    return read_page(unit.session, paging, kind=kind, state=state, asked_by=caller.account_id)


def read_page(session: Session, paging: PageQuery, **equal: str | None) -> Page[ApprovalRead]:
    rows, total = repository.list_approvals(session, paging, **equal)
    names = identity_repository.names_of(
        session, {name for row in rows for name in (row.asked_by, row.decided_by or "")}
    )
    items = [read_approval(row, names) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


def _read(session: Session, approval: Approval) -> ApprovalRead:
    return _read_all(session, [approval])[0]


def _read_all(session: Session, rows: Sequence[Approval]) -> list[ApprovalRead]:
    people = {row.asked_by for row in rows} | {row.decided_by or "" for row in rows}
    names = identity_repository.names_of(session, people)
    return [read_approval(row, names) for row in rows]
