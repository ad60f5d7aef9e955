"""Roles: names for scopes, and for who may see a restricted API."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.errors import LastAdministratorError, RoleExistsError, RoleInUseError, unknown_role
from services.control_plane.identity.models import Account, AccountRole, Role
from services.control_plane.identity.projection import write_of_role
from services.control_plane.identity.schemas import RoleCreate
from services.control_plane.identity.scopes import BUILTIN_ROLES
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import ConflictError, NotFoundError
from services.control_plane.oauth import repository as oauth_repository


class RoleService:
    def prepare(self, session: Session) -> None:
        for name, scopes in BUILTIN_ROLES.items():
            if repository.find_role(session, name) is None:
                session.add(Role(name=name, scopes=list(scopes), builtin=True))
        session.flush()

    def get(self, session: Session, name: str) -> Role:
        role = repository.find_role(session, name)
        if role is None:
            raise NotFoundError
        return role

    def create(self, session: Session, body: RoleCreate) -> Role:
        role = Role(name=body.name, scopes=list(body.scopes))
        repository.add(session, role, RoleExistsError(body.name))
        audit.record(session, "role.create", "role", role.name)
        return role

    def patch(self, session: Session, role: Role, patch: Mapping[str, Any], if_match: str | None) -> None:
        preconditions.check(if_match, role.row_version)
        _check_own(role)
        role.scopes = list(patched(write_of_role(role), patch).scopes)
        session.flush()
        for account in repository.services_with_role(session, role.name):
            update_client(session, account)
        keep_administrator(session)
        audit.record(session, "role.update", "role", role.name)

    def delete(self, session: Session, role: Role, if_match: str | None) -> None:
        """Delete a role that nobody has, and no API names. Raises `RoleInUseError`."""
        preconditions.check(if_match, role.row_version)
        _check_own(role)
        repository.delete(session, role, RoleInUseError())
        audit.record(session, "role.delete", "role", role.name)

    def links(self, session: Session, account_id: str, names: Sequence[str]) -> list[AccountRole]:
        """Return what gives an account these roles. Raises `InvalidError` for one that is not there."""
        for index, name in enumerate(names):
            if repository.find_role(session, name) is None:
                raise unknown_role(f"roles.{index}", name)
        return [AccountRole(account_id=account_id, role=name) for name in dict.fromkeys(names)]


def granted_scopes(session: Session, account: Account) -> frozenset[str]:
    """Return the scopes that an account has by itself or by its roles."""
    return frozenset(account.scopes) | repository.scopes_of_roles(session, [link.role for link in account.roles])


def update_client(session: Session, account: Account) -> None:
    """Let a service account's client ask for what the account has now."""
    if account.client_id is not None:
        client = oauth_repository.get_client(session, account.client_id)
        client.scopes = sorted(granted_scopes(session, account))


def keep_administrator(session: Session) -> None:
    """Refuse a change that leaves nobody to administer. Raises `LastAdministratorError`."""
    session.flush()
    repository.lock_administrators(session)  # of two who demote each other, one comes second and finds out
    if not repository.has_administrator(session):
        raise LastAdministratorError


def _check_own(role: Role) -> None:
    if role.builtin:
        raise ConflictError(f"The role {role.name} is built in, and stays as it is.")
