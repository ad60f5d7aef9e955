"""Where a person enters the code that a device shows (RFC 8628, section 3.3)."""

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity.sessions import SignedIn
from services.control_plane.kit import audit
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.unit_of_work import Unit, see_all
from services.control_plane.oauth import repository
from services.control_plane.oauth.dependencies import Tokens
from services.control_plane.oauth.models import DeviceCode
from services.control_plane.oauth.server import TokenServer
from services.control_plane.oauth.service import VERIFICATION_PATH
from services.control_plane.portal import pages
from services.control_plane.portal.forms import Form, Visitor, check_form
from services.control_plane.portal.sign_in_router import SIGN_IN_PATH

_UNKNOWN: Final = "There is no such code: it was mistyped, used, or has expired."
_WAIT: Final = "Too many wrong codes. Wait a minute, and try again."

router = APIRouter(
    prefix=VERIFICATION_PATH, route_class=UnitOfWorkRoute, include_in_schema=False, dependencies=[Depends(see_all)]
)


@dataclass(frozen=True, slots=True)
class CodeGuesses:
    """Who enters codes that no device shows: these are short."""

    guesses: Guesses


Guessing = Annotated[CodeGuesses, Depends(provide(CodeGuesses))]


@router.get("")
async def show(visitor: Visitor, user_code: str = "") -> Response:
    """Ask for a code, even where the address has it: it must be compared with what the device shows."""
    return pages.device_page(visitor, user_code=user_code) if visitor else _sign_in(user_code)


@router.post("")
def decide(form: Form, unit: Unit, visitor: Visitor, tokens: Tokens, guessing: Guessing) -> Response:
    """Show who asks for what, or take the decision."""
    user_code = form.get("user_code", "")
    if visitor is None:
        return _sign_in(user_code)
    check_form(visitor, form)
    guesser = (visitor.principal.account_id, "")
    if guessing.guesses.wait_seconds(guesser):
        return pages.device_page(visitor, user_code="", error=_WAIT)
    row = tokens.devices.find_shown(unit.session, user_code)
    if row is None:
        guessing.guesses.failed(guesser)
        return pages.device_page(visitor, user_code="", error=_UNKNOWN)
    match form.get("decision"):
        case "allow":
            row.subject = visitor.principal.account_id
            audit.speak_for(unit.session, row.subject, visitor.principal.organisation)
            audit.record(unit.session, "consent.allow", "client", row.client_id)
            return pages.notice_page("Allowed", "The device goes on by itself. You may close this page.")
        case "deny":
            row.denied = True
            return pages.notice_page("Denied", "The device gets nothing. You may close this page.")
        case _:
            return _ask(row, visitor, TokenServer(unit.session, tokens), user_code)


def _ask(row: DeviceCode, visitor: SignedIn, server: TokenServer, user_code: str) -> Response:
    client = repository.get_client(server.session, row.client_id)
    scopes = server.scopes_to_give(client, visitor.principal.account_id, row.scopes)
    return pages.device_consent_page(visitor, client=client.id, scopes=scopes, user_code=user_code)


def _sign_in(user_code: str) -> Response:
    place = f"{VERIFICATION_PATH}?{urlencode({'user_code': user_code})}" if user_code else VERIFICATION_PATH
    return RedirectResponse(f"{SIGN_IN_PATH}?{urlencode({'next': place})}", 303)
