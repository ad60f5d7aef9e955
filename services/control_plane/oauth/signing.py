"""Signing keys from their making to their end, and what the pods are told of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from services.control_plane.catalogue import outbox
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import ConflictError, NotFoundError
from services.control_plane.oauth import repository
from services.control_plane.oauth.keyring import PURPOSES, KeyRing
from services.control_plane.oauth.models import KeyPurpose, SigningKey
from services.control_plane.oauth.projection import ISSUER_ID, define_issuer
from services.control_plane.oauth.tokens import TokenIssuer

SETTLE: Final = timedelta(seconds=30)
"""So old must the next key be before it signs: every pod has it by then."""

OVERLAP: Final = timedelta(minutes=1)
"""Beyond the longest validity: other processes learn of a rotation a little later, and clocks differ."""

_LOCK: Final = "signing keys"
_CHANGED: Final = "framegate_signing_keys"


class IssuerService:
    """Keeps the keys, and the pods told whose tokens are good."""

    def __init__(self, database: Database, keyring: KeyRing, issuer: TokenIssuer, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._issuer = issuer
        self._clock = clock
        database.on_commit(self._use)

    def prepare(self, session: Session) -> None:
        """Make the first keys, and publish the public halves."""
        self._database.lock(session, _LOCK)
        self._keyring.prepare(session)
        self._publish(session)

    def list_keys(self, session: Session) -> Sequence[SigningKey]:
        return repository.list_keys(session)

    def rotate(self, session: Session) -> SigningKey:
        """Sign with the next keys from now on, and return that of tokens.

        The ones before are kept until the last that they signed has expired.
        """
        self._database.lock(session, _LOCK)
        keys = repository.list_keys(session)
        upcoming, _ = (self._advance(session, purpose, keys) for purpose in PURPOSES)
        self._renew(session, "signing_key.rotate", upcoming.id)
        return upcoming

    def revoke(self, session: Session, kid: str) -> None:
        """Forget a retired key before its time: all tokens that it signed stop being good."""
        self._database.lock(session, _LOCK)
        key = repository.find_key(session, kid)
        if key is None:
            raise NotFoundError
        if key.retired_at is None:
            raise ConflictError("Only a retired key can be deleted. Rotate first.")
        session.delete(key)
        self._renew(session, "signing_key.delete", kid)

    def sweep(self, session: Session) -> None:
        """Forget the keys whose time is over."""
        self._database.lock(session, _LOCK)
        if repository.delete_expired_keys(session, self._clock()):
            self._publish(session)

    def _advance(self, session: Session, purpose: KeyPurpose, keys: Sequence[SigningKey]) -> SigningKey:
        found, now = repository.keys_for(purpose, keys), self._clock()
        current, upcoming = repository.current_key(found), repository.next_key(found)
        if current is None or upcoming is None:
            raise RuntimeError("there are no signing keys")
        if upcoming.created_at > now - SETTLE:
            raise ConflictError(
                f"The next key is not yet with every pod. Try again {SETTLE.seconds} s after the last rotation."
            )
        self._retire(current, now)
        upcoming.activated_at = now
        session.flush()
        self._keyring.make(session, purpose)
        return upcoming

    def _retire(self, key: SigningKey, now: datetime) -> None:
        key.retired_at = now
        key.expires_at = now + timedelta(seconds=key.longest_validity_seconds) + OVERLAP

    def _renew(self, session: Session, action: str, kid: str) -> None:
        session.flush()
        audit.record(session, action, "signing_key", kid)
        self._publish(session)

    def _publish(self, session: Session) -> None:
        """Tell the pods of the keys, and use them here once they are committed."""
        keys = self._keyring.read(session)
        definition = define_issuer(self._issuer.issuer, keys)
        outbox.record(session, "issuer", ISSUER_ID, definition, self._clock())
        session.info[_CHANGED] = keys

    def _use(self, session: AnySession) -> None:
        keys = session.info.pop(_CHANGED, None)
        if keys is not None:
            self._keyring.use(keys)
