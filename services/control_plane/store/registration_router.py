from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Response
from fastapi.responses import JSONResponse

from services.control_plane.identity.dependencies import Credentials, MaySubscribe
from services.control_plane.identity.errors import UnauthorizedError
from services.control_plane.kit import audit, tenancy
from services.control_plane.kit.problems import declare
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.models import OAuthClient
from services.control_plane.oauth.schemas import OAuthErrorRead
from services.control_plane.store.models import Application, ApplicationKey
from services.control_plane.store.registration import REGISTER_PATH, RegistrationRefusedError, RegistrationService

CLIENT_PATH: Final = REGISTER_PATH + "/{client_id}"

router = APIRouter(tags=["oauth"], route_class=UnitOfWorkRoute)

Registration = Annotated[RegistrationService, Depends(provide(RegistrationService))]
Metadata = Annotated[dict[str, Any], Body(description="client metadata of RFC 7591, section 2")]
Registered = tuple[OAuthClient, ApplicationKey, Application]

_UNREADABLE: Final = declare("malformed_request")[400]
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {
        "model": OAuthErrorRead,
        "description": "an error of RFC 7591, section 3.2.2, or " + _UNREADABLE["description"],
        "content": _UNREADABLE["content"],
    }
}


def _find_own(client_id: str, credentials: Credentials, unit: Unit, service: Registration) -> Registered:
    if credentials is None or credentials.proofs is not None:
        raise UnauthorizedError
    unit.see_all()  # who has the token is found out by it
    found = service.find(unit.session, client_id, credentials.token)
    organisation = found[2].organisation
    audit.belong(unit.session, organisation)
    tenancy.hold(unit.session, organisation)
    return found


Own = Annotated[Registered, Depends(_find_own)]


@router.post(
    REGISTER_PATH, status_code=201, response_model=dict[str, Any], responses=_REFUSED | declare("already_exists")
)
def register_client(caller: MaySubscribe, body: Metadata, unit: Unit, service: Registration) -> Response:
    """Make a client of one's own (RFC 7591). The initial access token is that of a subscriber."""
    try:
        return _answer(service.register(unit.session, body, caller.account_id), 201)
    except RegistrationRefusedError as error:
        return _answer(error.body, 400)


@router.get(CLIENT_PATH, response_model=dict[str, Any])
def get_client(own: Own, service: Registration) -> Response:
    """Return a client to whoever has its registration token (RFC 7592)."""
    client, _, application = own
    return _answer(service.describe(client, application))


@router.put(CLIENT_PATH, response_model=dict[str, Any], responses=_REFUSED | declare("already_exists"))
def replace_client(own: Own, body: Metadata, unit: Unit, service: Registration) -> Response:
    try:
        return _answer(service.replace(unit.session, *own, body))
    except RegistrationRefusedError as error:
        return _answer(error.body, 400)


@router.delete(CLIENT_PATH, status_code=204)
def delete_client(own: Own, unit: Unit, service: Registration) -> None:
    """Delete a client with its application and subscriptions."""
    service.delete(unit.session, own[2])


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
