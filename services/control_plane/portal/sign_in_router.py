"""Where people sign in and out, and choose passwords."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from services.control_plane.identity import repository, sessions
from services.control_plane.identity.dependencies import People, SignIns
from services.control_plane.identity.errors import AccountExistsError
from services.control_plane.identity.models import Account
from services.control_plane.identity.schemas import UserCreate
from services.control_plane.identity.sessions import SessionService
from services.control_plane.identity.sign_in import SignInRefusedError
from services.control_plane.kit import audit
from services.control_plane.kit.guesses import Guesses
from services.control_plane.kit.problems import NotFoundError, field_errors
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.security import hash_secret
from services.control_plane.kit.tenancy import DEFAULT_ORGANISATION
from services.control_plane.kit.unit_of_work import Unit, see_all
from services.control_plane.portal import pages
from services.control_plane.portal.consent import PAGE_VALIDITY, ConsentService
from services.control_plane.portal.external import Doors, ExternalDoors
from services.control_plane.portal.forms import Address, Form, Visitor, check_form, drop_session, keep_session

SIGN_IN_PATH: Final = "/sign-in"
SIGN_UP_PATH: Final = "/sign-up"
PASSWORD_PATH: Final = "/sign-in/password"  # noqa: S105 - a path
ACCOUNT_PATH: Final = "/account"

_COOKIE: Final = "framegate_sign_in"
_TOO_OLD: Final = "This page is too old, or cookies are off. Begin again."

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False, dependencies=[Depends(see_all)])


class SignInTickets(ConsentService):
    """Seals where a person who signs in goes on, and who chooses a first password."""


@dataclass(frozen=True, slots=True)
class SignUps:
    """Who may make an account: nobody, or everybody, but not many from one address."""

    allowed: bool
    guesses: Guesses


Tickets = Annotated[SignInTickets, Depends(provide(SignInTickets))]
Sessions = Annotated[SessionService, Depends(provide(SessionService))]
SignUpRules = Annotated[SignUps, Depends(provide(SignUps))]


@dataclass(frozen=True, slots=True)
class Desk:
    """A form on its way: the page it came from, and the means to answer."""

    tickets: SignInTickets
    cookie: str | None
    doors: Doors

    def show(self, page: str, content: dict[str, str], error: str = "") -> Response:
        """Show a page whose form brings this content back."""
        ticket = self.tickets.begin(json.dumps(content).encode(), self.cookie)
        makers: Mapping[str, Callable[..., Response]] = {
            "sign-in": partial(pages.sign_in_page, elsewhere=self.doors.link(content["next"])),
            "sign-up": pages.sign_up_page,
            "password": pages.password_page,
        }
        response = makers[page](sealed=ticket.sealed, error=error, status=403 if error else 200)
        response.set_cookie(
            _COOKIE,
            ticket.cookie,
            max_age=int(PAGE_VALIDITY.total_seconds()),
            path="/",
            secure=self.tickets.is_secure,
            httponly=True,
            samesite="strict",
        )
        return response

    def read(self, form: dict[str, str], page: str) -> dict[str, str] | None:
        found = self.tickets.read(form.get("request", ""), self.cookie)
        content: dict[str, str] | None = json.loads(found) if found else None
        return content if content and content["page"] == page else None


async def _desk(request: Request, tickets: Tickets, doors: ExternalDoors) -> Desk:
    return Desk(tickets, request.cookies.get(_COOKIE), doors)


FrontDesk = Annotated[Desk, Depends(_desk)]


@router.get(SIGN_IN_PATH)
async def show_sign_in(desk: FrontDesk, next: str = ACCOUNT_PATH) -> Response:  # noqa: A002 - the query's name
    return desk.show("sign-in", {"page": "sign-in", "next": own_path(next)})


@router.post(SIGN_IN_PATH)
def sign_in(
    form: Form, desk: FrontDesk, unit: Unit, address: Address, sign_ins: SignIns, kept: Sessions, visitor: Visitor
) -> Response:
    content = desk.read(form, "sign-in")
    if content is None:
        return pages.error_page(_TOO_OLD)
    try:
        account = sign_ins.sign_in(unit.session, form.get("username", ""), form.get("password", ""), address)
    except SignInRefusedError as error:
        return desk.show("sign-in", content, str(error))
    if visitor is not None:
        sessions.end(unit.session, visitor.token)
    if account.must_change_password:
        return desk.show("password", {**content, "page": "password", "account": account.id, "was": _mark(account)})
    return _go_on(content, kept.open(unit.session, account), desk)


@router.post(PASSWORD_PATH)
def choose_first_password(form: Form, desk: FrontDesk, unit: Unit, sign_ins: SignIns, kept: Sessions) -> Response:
    """Replace a one-time password. The page is good once: it names the password that it replaces."""
    content = desk.read(form, "password")
    account = repository.find_account(unit.session, content["account"], repository.PERSON) if content else None
    if content is None or account is None or account.disabled or content["was"] != _mark(account):
        return pages.error_page(_TOO_OLD)
    audit.speak_for(unit.session, account.id, account.organisation)
    try:
        sign_ins.choose_password(unit.session, account, form.get("new_password", ""))
    except ValueError as error:
        return desk.show("password", content, f"The new password {error}.")
    return _go_on(content, kept.open(unit.session, account), desk)


@router.post("/sign-out")
def sign_out(form: Form, unit: Unit, visitor: Visitor, tickets: Tickets) -> Response:
    response = RedirectResponse(SIGN_IN_PATH, 303)
    if visitor is not None:
        check_form(visitor, form)
        sessions.end(unit.session, visitor.token)
        audit.speak_for(unit.session, visitor.principal.account_id, visitor.principal.organisation)
        audit.record(unit.session, "sign_out", "account", visitor.principal.account_id)
    drop_session(response, secure=tickets.is_secure)
    return response


@router.get(ACCOUNT_PATH)
async def show_account(visitor: Visitor) -> Response:
    if visitor is None:
        return RedirectResponse(f"{SIGN_IN_PATH}?next={ACCOUNT_PATH}", 303)
    return pages.account_page(visitor)


@router.post("/account/password")
def change_password(
    form: Form, unit: Unit, visitor: Visitor, address: Address, sign_ins: SignIns, kept: Sessions, tickets: Tickets
) -> Response:
    """Change one's own password, and end all other sessions and what clients were allowed."""
    if visitor is None:
        return RedirectResponse(f"{SIGN_IN_PATH}?next={ACCOUNT_PATH}", 303)
    check_form(visitor, form)
    audit.speak_for(unit.session, visitor.principal.account_id, visitor.principal.organisation)
    try:
        account = sign_ins.check(unit.session, visitor.principal.name, form.get("password", ""), address)
        sign_ins.choose_password(unit.session, account, form.get("new_password", ""))
    except SignInRefusedError as error:
        return pages.account_page(visitor, error=str(error))
    except ValueError as error:
        return pages.account_page(visitor, error=f"The new password {error}.")
    response = RedirectResponse(ACCOUNT_PATH, 303)
    keep_session(response, kept.open(unit.session, account), secure=tickets.is_secure)
    return response


@router.get(SIGN_UP_PATH)
async def show_sign_up(desk: FrontDesk, rules: SignUpRules) -> Response:
    if not rules.allowed:
        raise NotFoundError
    return desk.show("sign-up", {"page": "sign-up", "next": ACCOUNT_PATH})


@router.post(SIGN_UP_PATH)
def sign_up(
    form: Form, desk: FrontDesk, unit: Unit, people: People, kept: Sessions, rules: SignUpRules, address: Address
) -> Response:
    """Make oneself an account with the role subscriber."""
    if not rules.allowed:
        raise NotFoundError
    content = desk.read(form, "sign-up")
    if content is None:
        return pages.error_page(_TOO_OLD)
    if rules.guesses.wait_seconds(("", address)):
        return desk.show("sign-up", content, "Too many accounts were asked for. Wait a minute, and try again.")
    rules.guesses.failed(("", address))
    try:
        body = UserCreate.model_validate({"name": form.get("username", ""), "password": form.get("new_password", "")})
        account, _ = people.create(unit.session, body, DEFAULT_ORGANISATION)
        audit.speak_for(unit.session, account.id, account.organisation)
        audit.record(unit.session, "sign_up", "account", account.id)
    except ValidationError as error:
        first = field_errors(error)[0]
        return desk.show("sign-up", content, f"The {first.field}: {first.message}.")
    except AccountExistsError as error:
        unit.session.rollback()
        return desk.show("sign-up", content, str(error.detail))
    return _go_on(content, kept.open(unit.session, account), desk)


def own_path(path: str) -> str:
    """Return a path of ours as it is, and the account's page in the place of anything else."""
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isascii() and path.isprintable()
    return path if is_ours else ACCOUNT_PATH


def _go_on(content: dict[str, str], token: str, desk: Desk) -> Response:
    response = RedirectResponse(content["next"], 303)
    keep_session(response, token, secure=desk.tickets.is_secure)
    return response


def _mark(account: Account) -> str:
    return hash_secret(account.password_hash or "")
