"""The authorization endpoint (RFC 6749, section 3.1), where people sign in and decide."""

from typing import Annotated, Final

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Cookie, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity.dependencies import Accounts
from services.control_plane.kit import audit
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.oauth.dependencies import Tokens
from services.control_plane.oauth.requests import AuthorizationRequest, read_parameters
from services.control_plane.oauth.router import AUTHORIZE_PATH
from services.control_plane.oauth.server import TokenServer
from services.control_plane.portal.consent import PAGE_VALIDITY, ConsentService
from services.control_plane.portal.pages import consent_page, error_page

COOKIE: Final = "framegate_consent"

_TOO_OLD: Final = "This page is too old, or cookies are off. Go back to the application and begin again."
_WAIT: Final = "Too many failed attempts. Wait a minute, and try again."
_WRONG: Final = "Name or password is wrong."

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)

Consents = Annotated[ConsentService, Depends(provide(ConsentService))]
Nonce = Annotated[str | None, Cookie(alias=COOKIE)]


@router.get(AUTHORIZE_PATH)
def ask(request: Request, unit: Unit, tokens: Tokens, consents: Consents, nonce: Nonce = None) -> Response:
    """Show what a client asks for, if it may ask so."""
    query = bytes(request.scope["query_string"])
    try:
        return _show(query, TokenServer(unit.session, tokens), consents, nonce)
    except OAuth2Error as error:
        return _tell(error, TokenServer(unit.session, tokens))


async def _read_address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _read_form(request: Request) -> dict[str, str]:
    try:
        return read_parameters(await request.body())
    except OAuth2Error:
        return {}


Address = Annotated[str, Depends(_read_address)]


@router.post(AUTHORIZE_PATH)
def decide(
    form: Annotated[dict[str, str], Depends(_read_form)],
    unit: Unit,
    tokens: Tokens,
    consents: Consents,
    accounts: Accounts,
    address: Address,
    nonce: Nonce = None,
) -> Response:
    """Take a person's decision to the client."""
    query = consents.read(form.get("request", ""), nonce)
    if query is None:
        return error_page(_TOO_OLD)
    server = TokenServer(unit.session, tokens)
    subject = None
    try:
        if form.get("decision") == "allow":
            guesser = (form.get("username", ""), address)
            if tokens.guesses.wait_seconds(guesser):
                return _show(query, server, consents, nonce, _WAIT)
            account = accounts.sign_in(unit.session, guesser[0], form.get("password", ""))
            if account is None:
                tokens.guesses.failed(guesser)
                return _show(query, server, consents, nonce, _WRONG)
            tokens.guesses.succeeded(guesser)
            subject = account.id
            audit.record(unit.session, "consent.allow", "account", subject)
        return RedirectResponse(server.authorize(AuthorizationRequest(query), subject), 303)
    except OAuth2Error as error:  # what was in order when the page was made need not be so now
        return _tell(error, server)


def _show(query: bytes, server: TokenServer, consents: ConsentService, nonce: str | None, error: str = "") -> Response:
    request = AuthorizationRequest(query)
    grant = server.get_consent_grant(request)
    ticket = consents.begin(query, nonce)
    page = consent_page(
        client=request.client.row.id,
        redirect_uri=grant.redirect_uri,
        scopes=request.scope.split(),
        sealed=ticket.sealed,
        error=error,
        status=403 if error else 200,
    )
    page.set_cookie(
        COOKIE,
        ticket.cookie,
        max_age=int(PAGE_VALIDITY.total_seconds()),
        path=AUTHORIZE_PATH,
        secure=consents.is_secure,
        httponly=True,
        samesite="strict",
    )
    return page


def _tell(error: OAuth2Error, server: TokenServer) -> Response:
    """Send the browser back with the error, or keep it here where that can't be trusted."""
    place = server.place_of(error)
    return RedirectResponse(place, 303) if place else error_page(str(error.get_error_description() or error.error))
