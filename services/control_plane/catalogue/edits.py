"""Changes that pods need not know of, and that somebody who counts has to."""

from typing import Final

from sqlalchemy import event
from sqlmodel import Session

from services.control_plane.catalogue import repository

_NOTED: Final = "framegate_account_edits"


def note(session: Session) -> None:
    """Have it show, from the commit on, that accounts or organisations came or went.

    It is written when the transaction commits: the state row is the last lock that is taken, and the shortest held.
    """
    if _NOTED not in session.info:
        session.info[_NOTED] = True
        event.listen(session, "before_commit", _write)


def _write(session: Session) -> None:
    session.flush()
    repository.lock_state(session).account_edits += 1
