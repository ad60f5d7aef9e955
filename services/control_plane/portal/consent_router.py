"""The authorization endpoint (RFC 6749, section 3.1), where people sign in and decide."""

from typing import Annotated, Final

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Cookie, Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity.dependencies import SignIns
from services.control_plane.identity.sessions import SignedIn
from services.control_plane.identity.sign_in import SignInRefusedError
from services.control_plane.kit import audit
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit, see_all
from services.control_plane.oauth.dependencies import Tokens
from services.control_plane.oauth.requests import AuthorizationRequest
from services.control_plane.oauth.router import AUTHORIZE_PATH
from services.control_plane.oauth.server import TokenServer
from services.control_plane.portal.consent import PAGE_VALIDITY, ConsentService
from services.control_plane.portal.external import Doors, ExternalDoors
from services.control_plane.portal.forms import Address, Form, Visitor, keep_session
from services.control_plane.portal.pages import consent_page, error_page
from services.control_plane.portal.sign_in_router import Sessions
from shared.claims import MANAGEMENT_AUDIENCE

COOKIE: Final = "framegate_consent"

_TOO_OLD: Final = "This page is too old, or cookies are off. Go back to the application and begin again."
_MUST_CHANGE: Final = "Your password was set by somebody else: choose a new one at /sign-in, then begin again."

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False, dependencies=[Depends(see_all)])

Consents = Annotated[ConsentService, Depends(provide(ConsentService))]
Nonce = Annotated[str | None, Cookie(alias=COOKIE)]


@router.get(AUTHORIZE_PATH)
def ask(
    request: Request,
    unit: Unit,
    tokens: Tokens,
    consents: Consents,
    visitor: Visitor,
    doors: ExternalDoors,
    nonce: Nonce = None,
) -> Response:
    """Show what a client asks for, if it may ask so."""
    query = bytes(request.scope["query_string"])
    try:
        return _show(query, TokenServer(unit.session, tokens), consents, nonce, visitor, doors)
    except OAuth2Error as error:
        return _tell(error, TokenServer(unit.session, tokens))


@router.post(AUTHORIZE_PATH)
def decide(
    form: Form,
    unit: Unit,
    tokens: Tokens,
    consents: Consents,
    kept: Sessions,
    sign_ins: SignIns,
    address: Address,
    visitor: Visitor,
    doors: ExternalDoors,
    nonce: Nonce = None,
) -> Response:
    """Take a person's decision to the client. Who signs in for it stays signed in."""
    query = consents.read(form.get("request", ""), nonce)
    if query is None:
        return error_page(_TOO_OLD)
    server = TokenServer(unit.session, tokens)
    subject = opened = None
    try:
        request = AuthorizationRequest(query)
        if form.get("decision") == "allow":
            if visitor is None:
                account = sign_ins.sign_in(unit.session, form.get("username", ""), form.get("password", ""), address)
                if account.must_change_password:
                    return error_page(_MUST_CHANGE, 403)
                subject, organisation, opened = account.id, account.organisation, kept.open(unit.session, account)
            else:
                subject, organisation = visitor.principal.account_id, visitor.principal.organisation
            audit.speak_for(unit.session, subject, organisation)
        place = server.authorize(request, subject)
    except OAuth2Error as error:  # what was in order when the page was made need not be so now
        return _tell(error, server)
    except SignInRefusedError as error:
        return _show(query, server, consents, nonce, None, doors, str(error))
    if subject is not None:
        audit.record(unit.session, "consent.allow", "client", request.client.row.id)
    response = RedirectResponse(place, 303)
    if opened is not None:
        keep_session(response, opened, secure=consents.is_secure)
    return response


def _show(
    query: bytes,
    server: TokenServer,
    consents: ConsentService,
    nonce: str | None,
    visitor: SignedIn | None,
    doors: Doors,
    error: str = "",
) -> Response:
    request = AuthorizationRequest(query)
    grant = server.get_consent_grant(request)
    ticket = consents.begin(query, nonce)
    client, scopes = request.client.row, request.scope.split()
    if visitor is not None:
        scopes = server.scopes_to_give(client, visitor.principal.account_id, scopes)
    page = consent_page(
        client=client.id,
        redirect_uri=grant.redirect_uri,
        scopes=scopes,
        manages=client.audience == MANAGEMENT_AUDIENCE,
        sealed=ticket.sealed,
        name=visitor.principal.name if visitor else "",
        elsewhere=doors.link(f"{AUTHORIZE_PATH}?{query.decode('latin-1')}"),
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
