"""Names and passwords: who brings the right ones, who guesses, and new passwords."""

from typing import Final

from sqlmodel import Session

from services.control_plane.identity import repository, sessions
from services.control_plane.identity.models import Account
from services.control_plane.identity.passwords import check_password, hash_password, verify_password
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.guesses import Guesses
from services.control_plane.oauth.grants import GrantService

FREE_FAILURES_OF_AN_ADDRESS: Final = 50
"""Many people may share one, so it waits later than who guesses at one account does."""

_SHOWN: Final = 100


class SignInRefusedError(Exception):
    """Somebody does not sign in, in words for people. Who guesses must wait, and is not told whether it was right."""

    def __init__(self, words: str, wait_seconds: int = 0) -> None:
        super().__init__(words)
        self.wait_seconds = wait_seconds


class SignInService:
    """An account alone is never locked: else anybody could lock out anybody."""

    def __init__(self, grants: GrantService, clock: Clock) -> None:
        self._grants = grants
        self._of_pairs = Guesses(clock)
        self._of_addresses = Guesses(clock, FREE_FAILURES_OF_AN_ADDRESS)

    def sign_in(self, session: Session, name: str, password: str, address: str) -> Account:
        """Return who has this name and password, and let them act. Raises `SignInRefusedError`."""
        account = self.check(session, name, password, address)
        audit.speak_for(session, account.id, account.organisation)
        audit.record(session, "sign_in", "account", account.id)
        return account

    def check(self, session: Session, name: str, password: str, address: str) -> Account:
        """Return who has this name and password. Raises `SignInRefusedError`."""
        pair, source = (name, address), ("", address)
        if wait_seconds := max(self._of_pairs.wait_seconds(pair), self._of_addresses.wait_seconds(source)):
            raise SignInRefusedError("Too many failed attempts. Wait a minute, and try again.", wait_seconds)
        account = repository.find_person(session, name) if "\0" not in name else None
        matched = verify_password(password, account.password_hash if account else None)
        if account is None or not matched or account.disabled:
            self._of_pairs.failed(pair)
            self._of_addresses.failed(source)
            if account is not None:
                audit.belong(session, account.organisation)
            known = account.id if account else "".join(char for char in name if char.isprintable())[:_SHOWN]
            audit.record(session, "sign_in.fail", "account", known)
            raise SignInRefusedError("Name or password is wrong.")
        self._of_pairs.succeeded(pair)
        return account

    def choose_password(self, session: Session, account: Account, password: str) -> None:
        """Give an account the password that its owner chose. Raises `ValueError`.

        Whoever signed in with the old one has to sign in again: browsers, and clients that were allowed something.
        """
        check_password(password, account.name)
        if verify_password(password, account.password_hash):
            raise ValueError("must be another one than before")
        account.password_hash = hash_password(password)
        account.must_change_password = False
        session.flush()
        sessions.end_all(session, account.id)
        self._grants.revoke_subject(session, account.id)
        audit.record(session, "user.change_password", "account", account.id)
