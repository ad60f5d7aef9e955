"""What administrators are asked, and what they choose to be asked."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import InvalidError, ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Administrator, Operator, Sent
from services.control_plane.portal.fields import Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.workflow.approval_router import read_page
from services.control_plane.workflow.approvals import Verdict
from services.control_plane.workflow.choices import ApprovalState
from services.control_plane.workflow.dependencies import Answers, PlatformChoices
from services.control_plane.workflow.schemas import Decision
from services.control_plane.workflow.settings import SettingsService

router = APIRouter(prefix="/admin", route_class=UnitOfWorkRoute, include_in_schema=False)

_CHOICES: Final = (
    ("approve_subscriptions", "Subscriptions", "A new one, or another policy, waits until it is approved."),
    ("approve_applications", "Applications", "A new one gets no keys until it is approved."),
    ("approve_publications", "Publications", "An API stays as it is until its publication is approved."),
)
_StateFilter = Annotated[ApprovalState, Query(alias="state")]


@router.get("/approvals")
def list_approvals(
    frame: PageFrame, _: Administrator, unit: Unit, paging: Paging, state: _StateFilter = "PENDING"
) -> Response:
    return _show_approvals(frame, unit.session, paging, state)


@router.post("/approvals/{approval_id}")
def decide(
    frame: PageFrame, caller: Administrator, approval_id: ResourceId, sent: Sent, unit: Unit, answers: Answers
) -> Response:
    try:
        verdict = sent.text("verdict")
        if verdict not in ("approve", "reject"):
            raise InvalidError.of("verdict", "must be approve or reject")
        comment = build(Decision, {"comment": sent.text("comment")}).comment
        answers.decide(unit.session, approval_id, cast("Verdict", verdict), comment, caller)
    except ProblemError as error:
        unit.close()
        return _show_approvals(frame, unit.session, PageQuery(limit=25), "PENDING", Mistakes.of(error))
    return RedirectResponse("/admin/approvals?done=decided", 303)


@router.get("/settings")
def show_settings(frame: PageFrame, _: Operator, unit: Unit, choices: PlatformChoices) -> Response:
    return _show_settings(frame, unit.session, choices)


@router.post("/settings")
def save_settings(frame: PageFrame, _: Operator, sent: Sent, unit: Unit, choices: PlatformChoices) -> Response:
    chosen = sent.all("choices")
    try:
        choices.patch(unit.session, {name: name in chosen for name, *_ in _CHOICES}, sent.if_match)
    except ProblemError as error:
        unit.close()
        return _show_settings(frame, unit.session, choices, Mistakes.of(error))
    return RedirectResponse("/admin/settings?done=saved", 303)


def _show_approvals(
    frame: Frame, session: Session, paging: PageQuery, state: ApprovalState, mistakes: Mistakes | None = None
) -> Response:
    return frame.show(
        "admin/approvals.html",
        422 if mistakes else 200,
        page=read_page(session, paging, state=state),
        state=state,
        mistakes=mistakes or Mistakes(),
    )


def _show_settings(
    frame: Frame, session: Session, choices: SettingsService, mistakes: Mistakes | None = None
) -> Response:
    settings = choices.get(session)
    return frame.show(
        "admin/settings.html",
        422 if mistakes else 200,
        choices=_CHOICES,
        chosen=[name for name, value in settings.choices.model_dump().items() if value],
        if_match=etag(settings.row_version),
        mistakes=mistakes or Mistakes(),
    )
