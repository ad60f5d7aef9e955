"""Questions to the administrators, as the domains below ask them."""

from sqlmodel import Session

from services.control_plane.kit import audit
from services.control_plane.kit.approvals import Kind, Question
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.security import new_id
from services.control_plane.workflow import repository
from services.control_plane.workflow.models import Approval


class ApprovalRequests:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def needed(self, session: Session, kind: Kind) -> bool:
        choices = repository.find_settings(session).choices
        needed: bool = getattr(choices, f"approve_{kind}s")
        return needed

    def ask(self, session: Session, question: Question) -> None:
        self.withdraw(session, question.kind, question.target_id)
        approval = Approval(
            id=new_id(),
            kind=question.kind,
            target_id=question.target_id,
            title=question.title,
            wanted=question.wanted,
            asked_by=question.asked_by,
            asked_at=self._clock(),
        )
        session.add(approval)
        session.flush()
        audit.record(session, "approval.ask", "approval", approval.id, **words_of(approval))

    def withdraw(self, session: Session, kind: Kind, target_id: str) -> None:
        approval = repository.find_pending(session, kind, target_id)
        if approval is None:
            return
        approval.state = "WITHDRAWN"
        approval.decided_at = self._clock()
        session.flush()
        audit.record(session, "approval.withdraw", "approval", approval.id, **words_of(approval))


def words_of(approval: Approval) -> dict[str, str]:
    return {
        "kind": approval.kind,
        "target_id": approval.target_id,
        "title": approval.title,
        "wanted": approval.wanted,
        "asked_by": approval.asked_by,
        "state": approval.state,
        "comment": approval.comment,
    }
