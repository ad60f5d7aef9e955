from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.errors import unknown_role
from services.control_plane.identity.models import Account, AccountRole, Role
from services.control_plane.identity.passwords import hash_password, new_password, verify_password
from services.control_plane.identity.schemas import ServiceAccountCreate
from services.control_plane.identity.scopes import ALL_SCOPES, BUILTIN_ROLES
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.oauth import repository as oauth_repository
from services.control_plane.oauth.service import ClientService, NewClient
from shared.claims import MANAGEMENT_AUDIENCE

TOKEN_VALIDITY_SECONDS: Final = 3600

Hook = Callable[[Session, Account], None]


@dataclass(frozen=True, slots=True)
class AccountHooks:
    """What the layers above do when accounts come and go."""

    created: Hook
    deleted: Hook


class AccountService:
    def __init__(self, clients: ClientService, hooks: AccountHooks, clock: Clock) -> None:
        self._clients = clients
        self._hooks = hooks
        self._clock = clock

    def get_service(self, session: Session, id_: str) -> Account:
        account = repository.find_service(session, id_)
        if account is None:
            raise NotFoundError
        return account

    def create_service(self, session: Session, body: ServiceAccountCreate) -> tuple[Account, str]:
        """Make a service account, and return it with its secret."""
        roles = list(dict.fromkeys(body.roles))
        for index, role in enumerate(roles):
            if repository.find_role(session, role) is None:
                raise unknown_role(f"roles.{index}", role)
        scopes = list(dict.fromkeys(body.scopes))
        new = self._create_client(session, sorted(self._granted(session, scopes, roles)))
        account = self._add_service(session, body.name, new, scopes, roles)
        return account, new.secret

    def delete_service(self, session: Session, account: Account, if_match: str | None) -> None:
        """Delete an account with all that it owns: its tokens stop at once, for who calls is looked up each time."""
        preconditions.check(if_match, account.row_version)
        client_id = account.client_id
        self._hooks.deleted(session, account)
        repository.delete_account(session, account)
        if client_id is not None:
            oauth_repository.delete_client(session, client_id)
        audit.record(session, "service_account.delete", "account", account.id)

    def sign_in(self, session: Session, name: str, password: str) -> Account | None:
        """Return the person that has this name and password, or None for whatever reason."""
        account = repository.find_person(session, name) if "\0" not in name else None
        matched = verify_password(password, account.password_hash if account else None)
        return account if account and matched and not account.disabled else None

    def is_active(self, session: Session, account_id: str) -> bool:
        return repository.is_active(session, account_id)

    def granted_scopes(self, session: Session, account: Account) -> frozenset[str]:
        """Return the scopes that an account has by itself or by its roles."""
        return self._granted(session, account.scopes, [link.role for link in account.roles])

    def prepare_roles(self, session: Session) -> None:
        for name, scopes in BUILTIN_ROLES.items():
            if repository.find_role(session, name) is None:
                session.add(Role(name=name, scopes=list(scopes), builtin=True))
        session.flush()

    def prepare_administrator(self, session: Session, name: str, password: str | None) -> str | None:
        """Make the first administrator while there is none, and return the password if one was made up."""
        if repository.has_administrator(session):
            return None
        chosen = password or new_password()
        account_id = new_id()
        account = Account(
            id=account_id,
            kind=repository.PERSON,
            name=name,
            password_hash=hash_password(chosen),
            created_at=self._clock(),
            roles=[AccountRole(account_id=account_id, role="admin")],
        )
        self._add(session, account, "account.create")
        return None if password else chosen

    def prepare_client(self, session: Session, client_id: str, secret: str) -> None:
        """Make the service account that pipelines begin with, or give it this secret."""
        if repository.find_by_client(session, client_id) is None:
            new = self._create_client(session, ALL_SCOPES, client_id=client_id, secret=secret)
            self._add_service(session, client_id, new, ALL_SCOPES, [])
        self._clients.set_secret(oauth_repository.get_client(session, client_id), secret)

    def _create_client(
        self, session: Session, scopes: Sequence[str], *, client_id: str | None = None, secret: str | None = None
    ) -> NewClient:
        return self._clients.create(
            session,
            audience=MANAGEMENT_AUDIENCE,
            scopes=scopes,
            validity_seconds=TOKEN_VALIDITY_SECONDS,
            client_id=client_id,
            secret=secret,
        )

    def _add_service(
        self, session: Session, name: str, new: NewClient, scopes: Sequence[str], roles: Sequence[str]
    ) -> Account:
        account_id = new_id()
        account = Account(
            id=account_id,
            kind=repository.SERVICE,
            name=name,
            client_id=new.client.id,
            scopes=list(scopes),
            created_at=self._clock(),
            roles=[AccountRole(account_id=account_id, role=role) for role in roles],
        )
        self._add(session, account, "service_account.create")
        return account

    def _add(self, session: Session, account: Account, action: str) -> None:
        repository.add_account(session, account)
        audit.record(session, action, "account", account.id)
        self._hooks.created(session, account)

    def _granted(self, session: Session, scopes: Sequence[str], roles: Sequence[str]) -> frozenset[str]:
        return frozenset(scopes) | repository.scopes_of_roles(session, roles)
