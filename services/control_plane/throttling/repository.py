from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.throttling.errors import PolicyExistsError, PolicyInUseError
from services.control_plane.throttling.models import ThrottlingPolicy
from shared.limits import Level

_LISTING: Final = Listing(
    search=(col(ThrottlingPolicy.name), col(ThrottlingPolicy.description)),
    sort={
        "name": col(ThrottlingPolicy.name),
        "level": col(ThrottlingPolicy.level),
        "created_at": col(ThrottlingPolicy.created_at),
        "updated_at": col(ThrottlingPolicy.updated_at),
    },
    unique=col(ThrottlingPolicy.id),
)


def find(session: Session, id_: str) -> ThrottlingPolicy | None:
    return session.get(ThrottlingPolicy, id_)


def find_all(session: Session, ids: Collection[str]) -> Sequence[ThrottlingPolicy]:
    return session.exec(select(ThrottlingPolicy).where(col(ThrottlingPolicy.id).in_(ids))).all()


def find_named(session: Session, name: str, level: Level | None) -> Sequence[ThrottlingPolicy]:
    named = select(ThrottlingPolicy).where(ThrottlingPolicy.name == name)
    return session.exec(named if level is None else named.where(ThrottlingPolicy.level == level)).all()


def list_all(session: Session, limit: int) -> Sequence[ThrottlingPolicy]:
    return session.exec(select(ThrottlingPolicy).order_by(col(ThrottlingPolicy.id)).limit(limit)).all()


def list_page(session: Session, level: Level | None, query: PageQuery) -> tuple[Sequence[ThrottlingPolicy], int]:
    policies = select(ThrottlingPolicy)
    return _LISTING.fetch(
        session, policies if level is None else policies.where(ThrottlingPolicy.level == level), query
    )


def add(session: Session, policy: ThrottlingPolicy) -> None:
    """Insert. Raises `PolicyExistsError`."""
    exists = PolicyExistsError(policy.name, policy.level)
    session.add(policy)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def delete(session: Session, policy: ThrottlingPolicy) -> None:
    """Delete. Raises `PolicyInUseError`."""
    name = policy.name  # a failed flush leaves nothing to read
    session.delete(policy)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise PolicyInUseError(name) from error
