"""Signing in through an OpenID provider: out to it, and back with a code."""

import json
import logging
import secrets
from typing import Annotated, Final

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity import sessions
from services.control_plane.identity.errors import AccountExistsError, LastAdministratorError
from services.control_plane.identity.oidc import Attempt, ProviderError
from services.control_plane.identity.sign_in import SignInRefusedError
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit, see_all
from services.control_plane.oauth.requests import read_parameters
from services.control_plane.portal.consent import PAGE_VALIDITY, ConsentService
from services.control_plane.portal.external import CALLBACK_PATH, OIDC_PATH, OpenDoor
from services.control_plane.portal.forms import Address, Visitor, host_cookie, keep_session
from services.control_plane.portal.pages import error_page
from services.control_plane.portal.sign_in_router import ACCOUNT_PATH, Sessions, own_path

_COOKIE: Final = "framegate_oidc"
_TOO_OLD: Final = "This sign-in is too old, or cookies are off. Begin again."
_FAILED: Final = "The provider did not say who you are. Begin again, or ask an administrator."
_TOO_MANY: Final = "Too many sign-ins from here have failed. Wait a minute, and begin again."

logger = logging.getLogger(__name__)

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False, dependencies=[Depends(see_all)])


class Attempts(ConsentService):
    """Seals sign-ins that are on their way into a browser's cookie, which `state` opens."""


Tickets = Annotated[Attempts, Depends(provide(Attempts))]


@router.get(OIDC_PATH)
def go_out(door: OpenDoor, attempts: Tickets, next: str = ACCOUNT_PATH) -> Response:  # noqa: A002 - the query's name
    """Send a browser to the provider. A cookie that the provider never sees holds what the answer must agree with."""
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    content = {"next": own_path(next), "nonce": nonce, "verifier": verifier}
    ticket = attempts.begin(json.dumps(content).encode(), None)
    try:
        place = door.provider.address(Attempt(ticket.cookie, nonce, verifier))
    except ProviderError as error:
        return _fail(error)
    response = RedirectResponse(place, 303)
    response.set_cookie(
        host_cookie(_COOKIE, secure=attempts.is_secure),
        ticket.sealed,
        max_age=int(PAGE_VALIDITY.total_seconds()),
        path="/",
        secure=attempts.is_secure,
        httponly=True,
        samesite="lax",  # the way back begins at the provider
    )
    return response


@router.get(CALLBACK_PATH)
def come_back(
    request: Request,
    door: OpenDoor,
    attempts: Tickets,
    unit: Unit,
    kept: Sessions,
    visitor: Visitor,
    address: Address,
) -> Response:
    """Sign in whom the provider names, in the browser that was sent there."""
    answer = _read_answer(request)
    name = host_cookie(_COOKIE, secure=attempts.is_secure)
    sealed = attempts.read(request.cookies.get(name, ""), answer.get("state"))
    if sealed is None:
        return error_page(_TOO_OLD)
    if door.failures.wait_seconds(("", address)):
        return error_page(_TOO_MANY, 429)
    content = json.loads(sealed)
    try:
        claims = door.identify(answer, Attempt(answer["state"], content["nonce"], content["verifier"]), address)
    except ProviderError as error:
        return _fail(error)
    unit.will_write()  # only now: no transaction waits for the network
    try:
        account = door.sign_ins.sign_in(unit.session, claims)
    except SignInRefusedError as error:
        return error_page(str(error), 403)
    except (AccountExistsError, LastAdministratorError) as error:
        unit.session.rollback()
        return error_page(str(error.detail), 409)
    if visitor is not None:
        sessions.end(unit.session, visitor.token)
    response = RedirectResponse(content["next"], 303)
    keep_session(response, kept.open(unit.session, account), secure=attempts.is_secure)
    response.delete_cookie(name, path="/", secure=attempts.is_secure, httponly=True, samesite="lax")
    return response


def _read_answer(request: Request) -> dict[str, str]:
    try:
        return read_parameters(bytes(request.scope["query_string"]))
    except OAuth2Error:
        return {}


def _fail(error: ProviderError) -> Response:
    logger.warning("Nobody signed in through the OpenID provider: %s", error)
    return error_page(_FAILED, 502)
