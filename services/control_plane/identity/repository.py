from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from services.control_plane.identity.errors import AccountExistsError
from services.control_plane.identity.models import Account, Role
from services.control_plane.kit.pagination import Listing, PageQuery

PERSON: Final = "person"
SERVICE: Final = "service"

_LISTING: Final = Listing(
    search=(col(Account.name),),
    sort={"name": col(Account.name), "created_at": col(Account.created_at)},
    unique=col(Account.id),
)


def get_account(session: Session, id_: str) -> Account:
    """Return an account that others refer to."""
    return session.get_one(Account, id_)


def is_active(session: Session, id_: str) -> bool:
    account = session.get(Account, id_)
    return account is not None and not account.disabled


def find_by_client(session: Session, client_id: str) -> Account | None:
    return session.exec(select(Account).where(Account.client_id == client_id)).first()


def find_person(session: Session, name: str) -> Account | None:
    return session.exec(select(Account).where(Account.name == name, Account.kind == PERSON)).first()


def find_service(session: Session, id_: str) -> Account | None:
    return session.exec(select(Account).where(Account.id == id_, Account.kind == SERVICE)).first()


def has_administrator(session: Session) -> bool:
    administrators = select(Account).where(Account.kind == PERSON)
    return any("admin" in (link.role for link in account.roles) for account in session.exec(administrators))


def list_services(session: Session, query: PageQuery) -> tuple[Sequence[Account], int]:
    return _LISTING.fetch(session, select(Account).where(Account.kind == SERVICE), query)


def add_account(session: Session, account: Account) -> None:
    """Insert. Raises `AccountExistsError`."""
    exists = AccountExistsError(account.name)
    session.add(account)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def delete_account(session: Session, account: Account) -> None:
    session.delete(account)
    session.flush()


def find_role(session: Session, name: str) -> Role | None:
    return session.get(Role, name)


def scopes_of_roles(session: Session, names: Sequence[str]) -> frozenset[str]:
    roles = session.exec(select(Role).where(col(Role.name).in_(names)))
    return frozenset(scope for role in roles for scope in role.scopes)
