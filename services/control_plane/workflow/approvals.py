"""Answers to what was asked."""

from typing import Final, Literal

from sqlmodel import Session

from services.control_plane.identity.principal import Principal
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.publisher.models import Api
from services.control_plane.publisher.service import ApiService
from services.control_plane.store.applications import ApplicationService
from services.control_plane.store.models import Application, Subscription
from services.control_plane.store.subscriptions import SubscriptionService
from services.control_plane.workflow import repository
from services.control_plane.workflow.choices import ApprovalState
from services.control_plane.workflow.errors import DecidedError
from services.control_plane.workflow.models import Approval
from services.control_plane.workflow.requests import words_of

Verdict = Literal["approve", "reject"]

_STATES: Final[dict[Verdict, ApprovalState]] = {"approve": "APPROVED", "reject": "REJECTED"}


class ApprovalService:
    def __init__(
        self, apis: ApiService, applications: ApplicationService, subscriptions: SubscriptionService, clock: Clock
    ) -> None:
        self._apis = apis
        self._applications = applications
        self._subscriptions = subscriptions
        self._clock = clock

    def get(self, session: Session, approval_id: str) -> Approval:
        approval = repository.find_approval(session, approval_id)
        if approval is None:
            raise NotFoundError
        return approval

    def decide(self, session: Session, approval_id: str, verdict: Verdict, comment: str, caller: Principal) -> Approval:
        """Answer a question, and have done what was asked. Raises `DecidedError` where it is not open any more."""
        settled = repository.settle(
            session,
            approval_id,
            _STATES[verdict],
            decided_by=caller.account_id,
            decided_at=self._clock(),
            comment=comment,
        )
        approval = self.get(session, approval_id)
        if not settled:
            raise DecidedError(approval.state)
        self._answer(session, approval, approved=verdict == "approve")
        audit.record(session, f"approval.{verdict}", "approval", approval.id, **words_of(approval))
        return approval

    def _answer(self, session: Session, approval: Approval, *, approved: bool) -> None:
        target_id = approval.target_id
        match approval.kind:
            case "subscription":
                self._subscriptions.answer(session, session.get_one(Subscription, target_id), approved=approved)
            case "application":
                self._applications.answer(session, session.get_one(Application, target_id), approved=approved)
            case _:
                self._apis.answer(session, session.get_one(Api, target_id), approval.asked_by, approved=approved)
