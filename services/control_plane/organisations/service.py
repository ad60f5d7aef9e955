from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION, Organisation
from services.control_plane.organisations import repository
from services.control_plane.organisations.errors import KeptOrganisationError, TakenContextError
from services.control_plane.organisations.schemas import OrganisationCreate, OrganisationRead, OrganisationWrite
from services.control_plane.publisher.contexts import prefix_of


class OrganisationService:
    """Keeps the organisations. Pods know nothing of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, session: Session, name: str) -> Organisation:
        organisation = repository.find(session, name)
        if organisation is None:
            raise NotFoundError
        return organisation

    def create(self, session: Session, body: OrganisationCreate) -> Organisation:
        """Make an organisation, unless an older API is where its own would be. Raises `TakenContextError`."""
        if taken := repository.find_context(session, prefix_of(body.name)):
            raise TakenContextError(taken)
        now = self._clock()
        organisation = Organisation(**body.model_dump(), created_at=now, updated_at=now)
        repository.add(session, organisation)
        audit.record(session, "organisation.create", "organisation", organisation.name)
        return organisation

    def replace(
        self, session: Session, organisation: Organisation, body: OrganisationWrite, if_match: str | None
    ) -> None:
        preconditions.check(if_match, organisation.row_version)
        organisation.description = body.description
        organisation.updated_at = self._clock()
        session.flush()
        audit.record(session, "organisation.update", "organisation", organisation.name)

    def patch(
        self, session: Session, organisation: Organisation, patch: Mapping[str, Any], if_match: str | None
    ) -> None:
        current = OrganisationWrite(description=organisation.description)
        self.replace(session, organisation, patched(current, patch), if_match)

    def delete(self, session: Session, organisation: Organisation, if_match: str | None) -> None:
        """Delete an organisation that nothing belongs to. Raises `OrganisationInUseError`."""
        preconditions.check(if_match, organisation.row_version)
        if organisation.name == DEFAULT_ORGANISATION:
            raise KeptOrganisationError(organisation.name)
        repository.delete(session, organisation)
        audit.record(session, "organisation.delete", "organisation", organisation.name)


def read_organisation(organisation: Organisation) -> OrganisationRead:
    return OrganisationRead.model_validate(organisation.model_dump(include=set(OrganisationRead.model_fields)))
