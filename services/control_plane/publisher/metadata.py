"""What is said of an API for people, and the categories that administrators keep for it."""

from sqlmodel import Session

from services.control_plane.environments import repository as environment_repository
from services.control_plane.kit import audit, preconditions
from services.control_plane.kit.clock import Clock
from services.control_plane.kit.problems import NotFoundError
from services.control_plane.publisher import repository
from services.control_plane.publisher.errors import unknown_category, unknown_environment
from services.control_plane.publisher.metadata_schemas import CategoryCreate, CategoryWrite, ContactBody
from services.control_plane.publisher.models import Api, ApiCategory, ApiProperty, Category
from services.control_plane.publisher.schemas import ApiWrite


def assign_metadata(session: Session, api: Api, body: ApiWrite) -> None:
    """Say of an API what a body says. Raises `InvalidError` for a category that is not there."""
    for index, name in enumerate(body.categories):
        if repository.find_category(session, name) is None:
            raise unknown_category(index, name)
    api.categories = [ApiCategory(api_id=api.id, category=name) for name in sorted(set(body.categories))]
    api.properties = [ApiProperty(api_id=api.id, name=name, value=body.properties[name]) for name in body.properties]
    api.business_owner = _kept(body.business_owner)
    api.technical_owner = _kept(body.technical_owner)


def check_environments(session: Session, body: ApiWrite) -> None:
    """See that an API is to be where something is. Raises `InvalidError`."""
    for index, name in enumerate(body.environments):
        if environment_repository.find(session, name) is None:
            raise unknown_environment(index, name)


class CategoryService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, session: Session, name: str) -> Category:
        category = repository.find_category(session, name)
        if category is None:
            raise NotFoundError
        return category

    def create(self, session: Session, body: CategoryCreate) -> Category:
        now = self._clock()
        category = Category(name=body.name, description=body.description, created_at=now, updated_at=now)
        repository.add_category(session, category)
        audit.record(session, "category.create", "category", category.name)
        return category

    def replace(self, session: Session, category: Category, body: CategoryWrite, if_match: str | None) -> None:
        preconditions.check(if_match, category.row_version)
        category.description = body.description
        category.updated_at = self._clock()
        session.flush()
        audit.record(session, "category.update", "category", category.name)

    def delete(self, session: Session, category: Category, if_match: str | None) -> None:
        """Delete a category that no API is in. Raises `CategoryInUseError`."""
        preconditions.check(if_match, category.row_version)
        name = category.name
        repository.delete_category(session, category)
        audit.record(session, "category.delete", "category", name)


def _kept(contact: ContactBody | None) -> dict[str, str | None] | None:
    return None if contact is None else contact.model_dump()
