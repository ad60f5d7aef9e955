from sqlmodel import Session

from services.control_plane.catalogue.counts import Counted, edition_of_apis
from services.control_plane.environments import repository as environment_repository
from services.control_plane.identity.principal import Principal
from services.control_plane.kit.pagination import Page, PageQuery
from services.control_plane.publisher.models import Api
from services.control_plane.store import repository
from services.control_plane.store.errors import no_api
from services.control_plane.store.feedback_repository import ratings_of
from services.control_plane.store.projection import read_store_api
from services.control_plane.store.schemas import StoreApiRead, TagRead


class Storefront:
    """What a caller, or anybody, finds in the store."""

    def __init__(self) -> None:
        self._total = Counted(edition_of_apis, repository.count_apis)
        self._tags = Counted(edition_of_apis, repository.list_tags)

    def list_apis(
        self, session: Session, caller: Principal | None, tag: str | None, paging: PageQuery
    ) -> Page[StoreApiRead]:
        roles = _roles(caller)
        total = self._total.read(session, roles) if tag is None and not paging.q else None
        rows, total = repository.list_apis(session, roles, tag, paging, total)
        ratings = ratings_of(session, {row.id for row in rows})
        everywhere = environment_repository.list_all(session)
        items = [read_store_api(row, everywhere, ratings.get(row.id)) for row in rows]
        return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)

    def get_api(self, session: Session, caller: Principal | None, api_id: str) -> tuple[StoreApiRead, int]:
        """Return an API and the version of its row."""
        api = self.find(session, caller, api_id)
        return self.describe(session, api), api.row_version

    def describe(self, session: Session, api: Api) -> StoreApiRead:
        rating = ratings_of(session, {api.id}).get(api.id)
        return read_store_api(api, environment_repository.list_all(session), rating)

    def find(self, session: Session, caller: Principal | None, api_id: str) -> Api:
        """Return an API that the caller may see. Raises `NotFoundError`."""
        api = repository.find_api(session, api_id, _roles(caller))
        if api is None:
            raise no_api()
        return api

    def list_tags(self, session: Session, caller: Principal | None) -> list[TagRead]:
        return [TagRead(name=name, apis=count) for name, count in self._tags.read(session, _roles(caller))]


def _roles(caller: Principal | None) -> frozenset[str]:
    return caller.roles if caller else frozenset()
