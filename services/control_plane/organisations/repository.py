from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from services.control_plane.catalogue import edits
from services.control_plane.kit.pagination import Listing, PageQuery
from services.control_plane.kit.tenancy import Organisation, pass_on
from services.control_plane.organisations.errors import OrganisationExistsError, OrganisationInUseError
from services.control_plane.publisher.models import Api

_LISTING: Final = Listing(
    search=(col(Organisation.name), col(Organisation.description)),
    sort={name: col(getattr(Organisation, name)) for name in ("name", "created_at", "updated_at")},
    unique=col(Organisation.name),
)


def find(session: Session, name: str) -> Organisation | None:
    return session.get(Organisation, name)


def list_page(session: Session, query: PageQuery) -> tuple[Sequence[Organisation], int]:
    return _LISTING.fetch(session, select(Organisation), query)


def find_context(session: Session, prefix: str) -> str | None:
    """Return the context of an API that is served at the prefix or below it."""
    contexts = select(Api.context).where(
        or_(Api.route_key == prefix, col(Api.route_key).startswith(f"{prefix}/", autoescape=True))
    )
    return session.exec(contexts.limit(1)).first()


def add(session: Session, organisation: Organisation) -> None:
    """Insert. Raises `OrganisationExistsError`."""
    exists = OrganisationExistsError(organisation.name)
    session.add(organisation)
    try:
        session.flush()
    except IntegrityError as error:
        raise exists from error


def delete(session: Session, organisation: Organisation) -> None:
    """Delete; what was written down of it passes to the platform. Raises `OrganisationInUseError`."""
    in_use = OrganisationInUseError(organisation.name)  # a failed flush leaves nothing to read
    pass_on(session, organisation.name)
    edits.note(session)
    session.delete(organisation)
    try:
        session.flush()
    except IntegrityError as error:  # a foreign key
        raise in_use from error
