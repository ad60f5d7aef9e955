"""The door through which domains ask administrators: who answers stands above them all."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from sqlmodel import Session

Kind = Literal["subscription", "application", "publication"]
Waiting = Literal["PENDING", "REJECTED"]
"""What a thing is that gives no right yet, or never will."""

PENDING: Final[Waiting] = "PENDING"
REJECTED: Final[Waiting] = "REJECTED"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `title` says it to people, `wanted` to the domain that asks."""

    kind: Kind
    target_id: str
    title: str
    wanted: str
    asked_by: str


class Approvals(Protocol):
    def needed(self, session: Session, kind: Kind) -> bool:
        """Tell whether administrators are to be asked."""

    def ask(self, session: Session, question: Question) -> None:
        """Write down a question, in the place of one that is open about the same."""

    def withdraw(self, session: Session, kind: Kind, target_id: str) -> None:
        """Take back what is asked of something, if anything is.

        It comes before any change of the thing itself, as an answer does: two at once wait for each other here.
        """
