from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel, col, func, select

from services.control_plane.catalogue import edits
from services.control_plane.identity.models import Account, AccountRole, Role
from services.control_plane.identity.scopes import ADMIN, BUILTIN_ADMIN
from services.control_plane.kit.pagination import Listing, PageQuery, count
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION, everywhere, within

PERSON: Final = "person"
SERVICE: Final = "service"

_ACCOUNTS: Final = Listing(
    search=(col(Account.name),),
    sort={"name": col(Account.name), "created_at": col(Account.created_at)},
    unique=col(Account.id),
)
_ROLES: Final = Listing(search=(col(Role.name),), sort={"name": col(Role.name)}, unique=col(Role.name))


def get_account(session: Session, id_: str) -> Account:
    """Return an account that others refer to."""
    return session.get_one(Account, id_)


def names_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the names of those accounts that are there."""
    return dict(session.exec(select(Account.id, Account.name).where(col(Account.id).in_(ids))).all())


def is_active(session: Session, id_: str) -> bool:
    account = session.get(Account, id_)
    return account is not None and not account.disabled


def find_by_client(session: Session, client_id: str) -> Account | None:
    return session.exec(select(Account).where(Account.client_id == client_id)).first()


def find_person(session: Session, name: str) -> Account | None:
    return session.exec(select(Account).where(Account.name == name, Account.kind == PERSON)).first()


def has_service(session: Session, name: str) -> bool:
    with everywhere(session):  # names are one's own on the whole platform
        return session.exec(select(Account.id).where(Account.kind == SERVICE, Account.name == name)).first() is not None


def has_person_like(session: Session, name: str) -> bool:
    """Tell whether somebody has this name, in capitals or not: people could not tell the two apart."""
    people = select(Account.id).where(Account.kind == PERSON, func.lower(Account.name) == name.lower())
    with everywhere(session):
        return session.exec(people.limit(1)).first() is not None


def find_account(session: Session, id_: str, kind: str) -> Account | None:
    return session.exec(select(Account).where(Account.id == id_, Account.kind == kind)).first()


def list_accounts(
    session: Session, kind: str, query: PageQuery, total: int | None = None
) -> tuple[Sequence[Account], int]:
    """Return one page and the total, which is counted unless it is known."""
    return _ACCOUNTS.fetch(session, select(Account).where(Account.kind == kind), query, total)


def count_accounts(session: Session, kind: str) -> int:
    return count(session, select(Account).where(Account.kind == kind))


def add_account(session: Session, account: Account, exists: ProblemError) -> None:
    """Insert. Raises `exists` where there is one already."""
    add(session, account, exists)
    edits.note(session)


def delete_account(session: Session, account: Account) -> None:
    delete(session, account)
    edits.note(session)


def lock_administrators(session: Session) -> None:
    """Wait until nobody else changes who administers, and keep others waiting to the end of the transaction."""
    session.exec(select(Role.name).where(Role.name == BUILTIN_ADMIN).with_for_update(key_share=True)).first()


def has_administrator(session: Session) -> bool:
    """Tell whether a person who is not disabled may administer the platform."""
    roles = [name for name, scopes in session.exec(select(Role.name, Role.scopes)).all() if ADMIN in scopes]
    links = select(AccountRole.account_id).where(col(AccountRole.role).in_(roles))
    people = select(Account.id).where(Account.kind == PERSON, col(Account.disabled).is_(False))
    with within(session, DEFAULT_ORGANISATION):
        return session.exec(people.where(col(Account.id).in_(links)).limit(1)).first() is not None


def services_with_role(session: Session, role: str) -> Sequence[Account]:
    links = select(AccountRole.account_id).where(AccountRole.role == role)
    return session.exec(select(Account).where(Account.kind == SERVICE, col(Account.id).in_(links))).all()


def find_role(session: Session, name: str) -> Role | None:
    return session.get(Role, name)


def list_roles(session: Session, query: PageQuery) -> tuple[Sequence[Role], int]:
    return _ROLES.fetch(session, select(Role), query)


def scopes_of_roles(session: Session, names: Sequence[str]) -> frozenset[str]:
    found = session.exec(select(Role.scopes).where(col(Role.name).in_(names)))
    return frozenset(scope for scopes in found for scope in scopes)


def add(session: Session, row: SQLModel, exists: ProblemError) -> None:
    """Insert. Raises `exists` where there is one already."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def delete(session: Session, row: SQLModel, in_use: ProblemError | None = None) -> None:
    """Delete. Raises `in_use` where others still refer to it."""
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise in_use or error from error
