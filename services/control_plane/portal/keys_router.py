"""Keys of applications: what is secret is shown on the page that answers, and on no other."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Sent, Subscriber
from services.control_plane.portal.applications_router import ApplicationPage
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import PageFrame
from services.control_plane.store.dependencies import Applications, Keys
from services.control_plane.store.projection import read_token
from services.control_plane.store.schemas import KeyCreate, SecretRegenerate, TokenCreate
from shared.definition import KeyType

router = APIRouter(prefix="/applications/{application_id}/keys", route_class=UnitOfWorkRoute, include_in_schema=False)


async def _page(frame: PageFrame, caller: Subscriber, keys: Keys) -> ApplicationPage:
    return ApplicationPage(frame, keys, caller)


Page = Annotated[ApplicationPage, Depends(_page)]


@router.post("")
def generate(page: Page, application_id: ResourceId, sent: Sent, unit: Unit, applications: Applications) -> Response:
    """Make a key pair, and show its secret with a first token."""
    try:
        application = applications.get(unit.session, application_id, page.caller.account_id)
        key, new = page.keys.create(unit.session, application, _read(sent))
    except ProblemError as error:
        unit.close()
        application = applications.get(unit.session, application_id, page.caller.account_id)
        return page.show(unit.session, application, Mistakes.of(error), 422, sent=sent)
    token = read_token(page.keys.first_token(new))
    return page.show(unit.session, application, secret=new.secret, token=token, shown_type=key.key_type)


@router.post("/{key_type}/regenerate")
def regenerate(
    page: Page, application_id: ResourceId, key_type: KeyType, sent: Sent, unit: Unit, applications: Applications
) -> Response:
    application = applications.get(unit.session, application_id, page.caller.account_id)
    key = page.keys.get(unit.session, application, key_type)
    body = build(SecretRegenerate, {"overlap_seconds": sent.text("overlap_seconds") or "0"})
    secret = page.keys.regenerate_secret(unit.session, key, body.overlap_seconds)
    return page.show(unit.session, application, secret=secret, shown_type=key_type)


@router.post("/{key_type}/token")
def fetch_token(
    page: Page, application_id: ResourceId, key_type: KeyType, _: Sent, unit: Unit, applications: Applications
) -> Response:
    application = applications.get(unit.session, application_id, page.caller.account_id)
    key = page.keys.get(unit.session, application, key_type)
    token = read_token(page.keys.issue(unit.session, key, TokenCreate()))
    return page.show(unit.session, application, token=token, shown_type=key_type)


@router.post("/{key_type}/delete")
def delete(
    page: Page, application_id: ResourceId, key_type: KeyType, sent: Sent, unit: Unit, applications: Applications
) -> Response:
    application = applications.get(unit.session, application_id, page.caller.account_id)
    page.keys.delete(unit.session, page.keys.get(unit.session, application, key_type), sent.if_match)
    return RedirectResponse(f"/applications/{application_id}?done=key_deleted", 303)


def _read(sent: Fields) -> KeyCreate:
    values = {
        "key_type": sent.text("key_type"),
        "validity_seconds": sent.text("validity_seconds") or "3600",
        "scopes": sent.text("scopes").split(),
    }
    return build(KeyCreate, values)
