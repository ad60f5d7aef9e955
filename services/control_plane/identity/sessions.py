"""Sessions of browsers: a cookie out, and who it stands for."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, update
from sqlmodel import Session, col

from services.control_plane.identity.models import Account, BrowserSession
from services.control_plane.identity.principal import Principal, principal_of
from services.control_plane.identity.roles import granted_scopes
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.rows import delete_until
from services.control_plane.kit.security import hash_secret, new_secret

_NOTED_AFTER: Final = timedelta(minutes=1)
"""So seldom a use is written down: each would be a transaction."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who uses a browser, and the token that its forms must bring back."""

    principal: Principal
    token: str

    @property
    def form_token(self) -> str:
        return hmac.new(self.token.encode(), b"framegate form", hashlib.sha256).hexdigest()

    def made_form(self, form_token: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), form_token.encode())


class SessionService:
    """Sessions end when they were idle for too long, at their age, and with their account."""

    def __init__(self, database: Database, idle: timedelta, longest: timedelta, clock: Clock) -> None:
        self.longest = longest
        self._database = database
        self._idle = idle
        self._clock = clock

    def open(self, session: Session, account: Account) -> str:
        """Return what the browser's cookie must hold: a new value at each sign-in."""
        token, now = new_secret(), self._clock()
        row = BrowserSession(
            token_hash=hash_secret(token),
            account_id=account.id,
            created_at=now,
            last_used_at=now,
            expires_at=now + self.longest,
        )
        session.add(row)
        return token

    def find(self, token: str) -> SignedIn | None:
        """Return who a cookie stands for now, with what the account may do now."""
        now = self._clock()
        with self._database.reading() as session:
            row = session.get(BrowserSession, hash_secret(token))
            if row is None or now >= row.expires_at or now >= row.last_used_at + self._idle:
                return None
            account = session.get_one(Account, row.account_id)
            if account.disabled:
                return None
            granted = granted_scopes(session, account)
            found = SignedIn(principal_of(account, granted, granted), token)
        if now >= row.last_used_at + _NOTED_AFTER:
            self._note_use(row.token_hash)
        return found

    def sweep(self, session: Session) -> bool:
        """Forget some of what has ended, and tell whether there may be more."""
        now = self._clock()
        ends = ((BrowserSession.expires_at, now), (BrowserSession.last_used_at, now - self._idle))
        return any(delete_until(session, column, until) for column, until in ends)

    def _note_use(self, token_hash: str) -> None:
        with self._database.writing() as session:
            row = update(BrowserSession).where(col(BrowserSession.token_hash) == token_hash)
            session.execute(row.values(last_used_at=self._clock()))


def end(session: Session, token: str) -> None:
    session.execute(delete(BrowserSession).where(col(BrowserSession.token_hash) == hash_secret(token)))


def end_all(session: Session, account_id: str) -> None:
    """End all of somebody's sessions."""
    session.execute(delete(BrowserSession).where(col(BrowserSession.account_id) == account_id))
