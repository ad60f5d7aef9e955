from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlmodel import Session

from services.control_plane.identity import repository
from services.control_plane.identity.errors import AccountExistsError
from services.control_plane.identity.hooks import AccountHooks
from services.control_plane.identity.models import Account
from services.control_plane.identity.passwords import hash_password, new_password
from services.control_plane.identity.roles import RoleService, granted_scopes, update_client
from services.control_plane.identity.schemas import ServiceAccountCreate
from services.control_plane.identity.scopes import ADMIN, ALL_SCOPES, BUILTIN_ADMIN
from services.control_plane.kit import audit, preconditions, tenancy
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.security import new_id
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION
from services.control_plane.oauth import repository as oauth_repository
from services.control_plane.oauth.service import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    REFRESH_TOKEN,
    ClientService,
    NewClient,
)
from shared.claims import MANAGEMENT_AUDIENCE

TOKEN_VALIDITY_SECONDS: Final = 3600
CLI_CLIENT_ID: Final = "framegate-cli"

_CLI_GRANT_TYPES: Final = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE)


class AccountService:
    """Service accounts, and who is there from the start."""

    def __init__(self, clients: ClientService, roles: RoleService, hooks: AccountHooks, clock: Clock) -> None:
        self._clients = clients
        self._roles = roles
        self._hooks = hooks
        self._clock = clock

    def get_service(self, session: Session, id_: str) -> Account:
        account = repository.find_account(session, id_, repository.SERVICE)
        if account is None:
            raise NotFoundError
        return account

    def create_service(self, session: Session, body: ServiceAccountCreate, organisation: str) -> tuple[Account, str]:
        """Make a service account in an organisation, and return it with its secret."""
        scopes = list(dict.fromkeys(body.scopes))
        self._roles.links(session, "", body.roles)  # before the client, so that a mistake is told of first
        new = self._create_client(session, scopes)
        account = self._add_service(session, body.name, new, scopes, body.roles, organisation)
        update_client(session, account)
        return account, new.secret

    def rotate_secret(self, session: Session, account: Account, overlap_seconds: int) -> str:
        """Return a new secret; the old one goes on for a while, or stops at once."""
        client = oauth_repository.get_client(session, account.client_id or "")
        secret = self._clients.replace_secret(client, timedelta(seconds=overlap_seconds))
        audit.record(session, "service_account.rotate_secret", "account", account.id)
        return secret

    def delete_service(self, session: Session, account: Account, if_match: str | None) -> None:
        """Delete an account with all that it owns: its tokens stop at once, for who calls is looked up each time."""
        preconditions.check(if_match, account.row_version)
        client_id = account.client_id
        self._hooks.deleted(session, account)
        repository.delete_account(session, account)
        if client_id is not None:
            oauth_repository.delete_client(session, client_id)
        audit.record(session, "service_account.delete", "account", account.id)

    def is_active(self, session: Session, account_id: str) -> bool:
        return repository.is_active(session, account_id)

    def scopes_of(self, session: Session, account_id: str) -> frozenset[str]:
        """Return the management scopes that somebody has now."""
        account = session.get(Account, account_id)
        return granted_scopes(session, account) if account is not None and not account.disabled else frozenset()

    def operates(self, session: Session, client_id: str) -> bool:
        """Tell whether a client is a service account that administers the platform, and not an organisation alone."""
        account = repository.find_by_client(session, client_id)
        if account is None or account.disabled or account.organisation != DEFAULT_ORGANISATION:
            return False
        return ADMIN in granted_scopes(session, account)

    def prepare_cli(self, session: Session) -> None:
        """Make the client that the `framegate` command is when a person signs in with it."""
        client = oauth_repository.find_client(session, CLI_CLIENT_ID)
        if client is not None:
            client.grant_types = list(_CLI_GRANT_TYPES)  # one of an older version knows no devices
        else:
            self._clients.create(
                session,
                audience=MANAGEMENT_AUDIENCE,
                scopes=ALL_SCOPES,
                validity_seconds=TOKEN_VALIDITY_SECONDS,
                grant_types=_CLI_GRANT_TYPES,
                redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
                client_id=CLI_CLIENT_ID,
                public=True,
            )

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
            roles=self._roles.links(session, account_id, [BUILTIN_ADMIN]),
            organisation=DEFAULT_ORGANISATION,
        )
        self._add(session, account, "user", "user.create")
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
        self,
        session: Session,
        name: str,
        new: NewClient,
        scopes: Sequence[str],
        roles: Sequence[str],
        organisation: str = DEFAULT_ORGANISATION,
    ) -> Account:
        account_id = new_id()
        account = Account(
            id=account_id,
            kind=repository.SERVICE,
            name=name,
            client_id=new.client.id,
            scopes=list(scopes),
            created_at=self._clock(),
            roles=self._roles.links(session, account_id, roles),
            organisation=organisation,
        )
        self._add(session, account, "service account", "service_account.create")
        return account

    def _add(self, session: Session, account: Account, kind: str, action: str) -> None:
        with tenancy.within(session, account.organisation):
            repository.add_account(session, account, AccountExistsError(kind, account.name))
            audit.record(session, action, "account", account.id)
            self._hooks.created(session, account)
