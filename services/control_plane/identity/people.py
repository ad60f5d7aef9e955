"""People as an administrator manages them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm.attributes import flag_modified
from sqlmodel import Session

from services.control_plane.identity import personal_tokens, repository
from services.control_plane.identity.errors import AccountExistsError
from services.control_plane.identity.hooks import AccountHooks
from services.control_plane.identity.models import Account
from services.control_plane.identity.passwords import hash_password, new_password
from services.control_plane.identity.projection import write_of_user
from services.control_plane.identity.roles import RoleService, keep_administrator
from services.control_plane.identity.schemas import UserCreate
from services.control_plane.identity.sessions import end_all
from services.control_plane.kit import audit, preconditions, tenancy
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION
from services.control_plane.oauth.grants import GrantService

_MAX_NAMESAKES: Final = 100


@dataclass(frozen=True, slots=True)
class PeopleService:
    roles: RoleService
    grants: GrantService
    hooks: AccountHooks
    clock: Clock

    def get(self, session: Session, id_: str) -> Account:
        account = repository.find_account(session, id_, repository.PERSON)
        if account is None:
            raise NotFoundError
        return account

    def create(self, session: Session, body: UserCreate, organisation: str) -> tuple[Account, str | None]:
        """Make a user in an organisation, and return it with the one-time password where none was given."""
        if repository.has_person_like(session, body.name):
            raise AccountExistsError("user", body.name)
        one_time = None if body.password else new_password()
        hashed = hash_password(body.password.get_secret_value() if body.password else one_time or "")
        account = self._add(
            session,
            body.name,
            body.roles,
            organisation,
            password_hash=hashed,
            must_change_password=one_time is not None,
            disabled=body.disabled,
        )
        return account, one_time

    def create_external(self, session: Session, name: str, roles: Sequence[str]) -> Account:
        """Make a user who signs in elsewhere; a name that is taken gets a number. Raises `AccountExistsError`."""
        names = (name, *(f"{name}-{number}" for number in range(2, _MAX_NAMESAKES + 1)))
        free = next((each for each in names if not repository.has_person_like(session, each)), None)
        if free is None:
            raise AccountExistsError("user", name)
        return self._add(session, free, roles, DEFAULT_ORGANISATION)

    def patch(self, session: Session, account: Account, patch: Mapping[str, Any], if_match: str | None) -> None:
        """Change a user's roles, or disable or enable the user."""
        preconditions.check(if_match, account.row_version)
        body = patched(write_of_user(account), patch)
        self._set_roles(session, account, body.roles)
        if body.disabled != account.disabled:
            account.disabled = body.disabled
            self._follow_disabled(session, account)
        keep_administrator(session)

    def follow_roles(self, session: Session, account: Account, names: Collection[str]) -> None:
        """Give a user the roles that an OpenID provider says, as far as they are there. Raises `ConflictError`."""
        known = [name for name in names if repository.find_role(session, name)]
        if self._set_roles(session, account, known):
            keep_administrator(session)

    def delete(self, session: Session, account: Account, if_match: str | None) -> None:
        """Delete a user with all that the user owns."""
        preconditions.check(if_match, account.row_version)
        self.grants.revoke_subject(session, account.id)
        self.hooks.deleted(session, account)
        repository.delete_account(session, account)
        keep_administrator(session)
        audit.record(session, "user.delete", "account", account.id)

    def reset_password(self, session: Session, account: Account) -> str:
        """Return a password that lets the user choose a new one, and do nothing else. All that was signed in ends."""
        one_time = new_password()
        account.password_hash = hash_password(one_time)
        account.must_change_password = True
        session.flush()
        self._sign_out(session, account)
        personal_tokens.revoke_all(session, account.id)  # whoever had the account may have made some
        audit.record(session, "user.reset_password", "account", account.id)
        return one_time

    def _add(self, session: Session, name: str, roles: Sequence[str], organisation: str, **fields: Any) -> Account:
        id_ = new_id()
        account = Account(
            id=id_,
            kind=repository.PERSON,
            name=name,
            created_at=self.clock(),
            roles=self.roles.links(session, id_, roles),
            organisation=organisation,
            **fields,
        )
        with tenancy.within(session, organisation):
            repository.add_account(session, account, AccountExistsError("user", name))
            audit.record(session, "user.create", "account", account.id)
            self.hooks.created(session, account)
        return account

    def _set_roles(self, session: Session, account: Account, names: Sequence[str]) -> bool:
        """Give an account these roles and no others, and tell whether that changed any."""
        if set(names) == {link.role for link in account.roles}:
            return False
        links = self.roles.links(session, account.id, names)
        kept = {link.role: link for link in account.roles}
        account.roles = [kept.get(link.role, link) for link in links]
        flag_modified(account, "scopes")  # so that its version grows, though the roles are rows of their own
        audit.record(session, "user.update", "account", account.id)
        return True

    def _follow_disabled(self, session: Session, account: Account) -> None:
        """Take back what a disabled user allowed, and tell the pods."""
        session.flush()
        if account.disabled:
            self._sign_out(session, account)
        self.hooks.changed(session, account)
        audit.record(session, "user.disable" if account.disabled else "user.enable", "account", account.id)

    def _sign_out(self, session: Session, account: Account) -> None:
        end_all(session, account.id)
        self.grants.revoke_subject(session, account.id)
