"""API keys of applications: their text is shown on the page that answers, and on no other."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.keys_router import Page
from services.control_plane.store.api_key_schemas import ApiKeyCreate
from services.control_plane.store.dependencies import ApiKeys, Applications

router = APIRouter(
    prefix="/applications/{application_id}/api-keys", route_class=UnitOfWorkRoute, include_in_schema=False
)


@router.post("")
def create(
    page: Page, application_id: ResourceId, sent: Sent, unit: Unit, applications: Applications, api_keys: ApiKeys
) -> Response:
    """Make an API key, and show its text."""
    try:
        application = applications.get(unit.session, application_id, page.caller.account_id)
        _, text = api_keys.create(unit.session, application, _read(sent))
    except ProblemError as error:
        unit.close()
        application = applications.get(unit.session, application_id, page.caller.account_id)
        return page.show(unit.session, application, Mistakes.of(error), 422, sent=sent)
    return page.show(unit.session, application, api_key=text)


@router.post("/{key_id}/delete")
def delete(
    page: Page,
    application_id: ResourceId,
    key_id: ResourceId,
    sent: Sent,
    unit: Unit,
    applications: Applications,
    api_keys: ApiKeys,
) -> Response:
    application = applications.get(unit.session, application_id, page.caller.account_id)
    api_keys.delete(unit.session, api_keys.get(unit.session, application, key_id), sent.if_match)
    return RedirectResponse(f"/applications/{application_id}?done=api_key_deleted", 303)


def _read(sent: Fields) -> ApiKeyCreate:
    values = {
        "name": sent.text("api_key_name"),
        "key_type": sent.text("api_key_type"),
        "allowed_ips": sent.words("allowed_ips"),
        "allowed_origins": sent.words("allowed_origins"),
        "validity_seconds": sent.number("api_key_validity"),
    }
    return build(ApiKeyCreate, values)
