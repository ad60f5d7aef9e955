"""Access tokens that end before their time."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, update
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, col, select

from services.control_plane.kit.clock import Clock
from services.control_plane.kit.rows import delete_until, insert_new
from services.control_plane.oauth.models import RevokedToken

KEPT_FOR: Final = timedelta(minutes=1)
"""After a token has expired: clocks differ."""

_PENDING: Final = "framegate_revocations"


class Revocations:
    """Revoked tokens in SQL. The rows are their own outbox: what was not sent is sent by whoever comes by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def add(self, session: Session, jti: str, client_id: str, expires_at: datetime) -> None:
        """Revoke a token with the transaction's commit. One that was revoked before stays as it is.

        Connections may outlive the token that opened them: the pods are told of one that has expired, too.
        """
        now = self._clock()
        until = max(expires_at, now)
        insert_new(session, RevokedToken, jti=jti, client_id=client_id, expires_at=until, revoked_at=now)
        session.info[_PENDING] = True

    def contains(self, session: Session, jti: str) -> bool:
        return session.get(RevokedToken, jti) is not None

    def sweep(self, session: Session) -> bool:
        """Forget some tokens that have expired, and tell whether there may be more."""
        return delete_until(session, RevokedToken.expires_at, self._clock() - KEPT_FOR)


def has_pending(session: AnySession) -> bool:
    """Tell whether a session revoked something."""
    return _PENDING in session.info


def list_unsent(session: Session, limit: int) -> list[RevokedToken]:
    return list(session.exec(select(RevokedToken).where(col(RevokedToken.sent_at).is_(None)).limit(limit)))


def count_sent(session: Session, now: datetime) -> int:
    sent = select(func.count()).select_from(RevokedToken)
    return session.exec(sent.where(col(RevokedToken.sent_at).is_not(None), col(RevokedToken.expires_at) > now)).one()


def mark_sent(session: Session, tokens: list[RevokedToken], now: datetime) -> None:
    rows = update(RevokedToken).where(col(RevokedToken.jti).in_([token.jti for token in tokens]))
    session.execute(rows.values(sent_at=now), execution_options={"synchronize_session": False})


def mark_all_unsent(session: Session) -> None:
    session.execute(update(RevokedToken).values(sent_at=None), execution_options={"synchronize_session": False})
