"""Clients to start from, for whoever may see the API."""

from fastapi import APIRouter

from services.control_plane.identity.dependencies import AnyCaller
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.store.dependencies import SnippetWriter, Store
from services.control_plane.store.schemas import SnippetLanguage, SnippetRead
from services.control_plane.store.snippets.languages import LANGUAGES

router = APIRouter(prefix="/store/v1/apis/{api_id}/snippets", tags=["store"], route_class=UnitOfWorkRoute)


@router.get("", responses=declare("not_found"))
def list_snippets(caller: AnyCaller, api_id: ResourceId, unit: Unit, store: Store) -> list[SnippetLanguage]:
    store.find(unit.session, caller, api_id)
    return [SnippetLanguage(language=language.name, title=language.title) for language in LANGUAGES.values()]


@router.get("/{language}", responses=declare("not_found"))
def get_snippet(
    caller: AnyCaller, api_id: ResourceId, language: str, unit: Unit, store: Store, writer: SnippetWriter
) -> SnippetRead:
    api, _ = store.get_api(unit.session, caller, api_id)
    return writer.write(api, language)
