"""People who sign in at an OpenID provider, and the accounts that they have here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.models import Account, ExternalIdentity
from services.control_plane.identity.people import PeopleService
from services.control_plane.identity.sign_in import SignInRefusedError
from services.control_plane.kit import audit
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.text import Name

_NAME: Final[TypeAdapter[str]] = TypeAdapter(Name)
_FIRST_ROLES: Final = ("subscriber",)


@dataclass(frozen=True, slots=True)
class ExternalSignInService:
    """An account is linked by issuer and subject, never by a name or an address: those change hands.

    `roles_claim` is the claim that says which roles people have, if any does.
    """

    issuer: str
    roles_claim: str | None
    people: PeopleService
    clock: Clock

    def sign_in(self, session: Session, claims: Mapping[str, Any]) -> Account:
        """Return the account of whom the provider named, made at the first sign-in. Raises `SignInRefusedError`."""
        link = session.get(ExternalIdentity, (self.issuer, claims["sub"]))
        account = repository.get_account(session, link.account_id) if link else self._create(session, claims)
        if account.disabled:
            audit.belong(session, account.organisation)
            audit.record(session, "sign_in.fail", "account", account.id)
            raise SignInRefusedError("This account is disabled.")
        audit.speak_for(session, account.id, account.organisation)
        if self.roles_claim is not None:
            self.people.follow_roles(session, account, self._read_roles(claims))
        audit.record(session, "sign_in", "account", account.id)
        return account

    def _create(self, session: Session, claims: Mapping[str, Any]) -> Account:
        roles = _FIRST_ROLES if self.roles_claim is None else ()
        account = self.people.create_external(session, _read_name(claims), roles)
        link = ExternalIdentity(
            issuer=self.issuer, subject=claims["sub"], account_id=account.id, created_at=self.clock()
        )
        session.add(link)
        session.flush()
        return account

    def _read_roles(self, claims: Mapping[str, Any]) -> Collection[str]:
        """Return what the claim says: a list, or words parted by spaces."""
        found = claims.get(self.roles_claim or "")
        words = found.split() if isinstance(found, str) else found
        return {word for word in words if isinstance(word, str)} if isinstance(words, list) else ()


def _read_name(claims: Mapping[str, Any]) -> str:
    """Return the first of what the provider calls somebody that can be a name here."""
    for claim in ("preferred_username", "email", "sub"):
        try:
            return _NAME.validate_python(claims.get(claim))
        except ValidationError:
            continue
    raise SignInRefusedError("The provider gives no name that can be used here.")
