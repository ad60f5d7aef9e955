from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, case, col, select

from services.control_plane.environments.errors import EnvironmentExistsError, EnvironmentInUseError
from services.control_plane.environments.models import GatewayEnvironment
from services.control_plane.kit.pagination import Listing, PageQuery
from shared.definition import DEFAULT_ENVIRONMENT

_LISTING: Final = Listing(
    search=(col(GatewayEnvironment.name), col(GatewayEnvironment.description)),
    sort={name: col(getattr(GatewayEnvironment, name)) for name in ("name", "created_at", "updated_at")},
    unique=col(GatewayEnvironment.name),
)


def find(session: Session, name: str) -> GatewayEnvironment | None:
    return session.get(GatewayEnvironment, name)


def list_page(session: Session, query: PageQuery) -> tuple[Sequence[GatewayEnvironment], int]:
    return _LISTING.fetch(session, select(GatewayEnvironment), query)


def list_all(session: Session) -> Sequence[GatewayEnvironment]:
    """Return all, the default first."""
    default_first = case((col(GatewayEnvironment.name) == DEFAULT_ENVIRONMENT, 0), else_=1)
    return session.exec(select(GatewayEnvironment).order_by(default_first, col(GatewayEnvironment.name))).all()


def add(session: Session, environment: GatewayEnvironment) -> None:
    """Insert. Raises `EnvironmentExistsError`."""
    exists = EnvironmentExistsError(environment.name)
    session.add(environment)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def delete(session: Session, environment: GatewayEnvironment) -> None:
    """Delete. Raises `EnvironmentInUseError`."""
    in_use = EnvironmentInUseError(environment.name)  # a failed flush leaves nothing to read
    session.delete(environment)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise in_use from error
