"""One's own account."""

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import Caller, PersonalTokens, SignIns
from services.control_plane.identity.projection import read_personal_token, show_personal_token
from services.control_plane.identity.schemas import (
    MeRead,
    PasswordChange,
    PersonalTokenCreate,
    PersonalTokenCreated,
    PersonalTokenRead,
)
from services.control_plane.identity.sign_in import SignInRefusedError
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.problems import ForbiddenError, InvalidError, declare, render
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/account/v1", tags=["account"], route_class=UnitOfWorkRoute)


@router.get("/me")
def get_me(caller: Caller) -> MeRead:
    """Answer who calls, with the scopes that the token has now."""
    return MeRead(
        id=caller.account_id,
        name=caller.name,
        organisation=caller.organisation,
        kind=caller.kind,
        roles=sorted(caller.roles),
        scopes=sorted(caller.scopes),
    )


@router.post("/password", status_code=204, responses=declare("forbidden", "too_many_requests"))
def change_password(caller: Caller, body: PasswordChange, unit: Unit, sign_ins: SignIns) -> Response:
    """Change one's own password. All that signed in with the old one must sign in again: who asks, too."""
    if not caller.is_signed_in:
        raise ForbiddenError("Only a person who signed in has a password: a personal token will not do.")
    try:
        account = sign_ins.check(unit.session, caller.name, body.current.get_secret_value(), unit.address)
    except SignInRefusedError as error:  # an answer, and no exception: the failure stays written down
        if error.wait_seconds:
            return render("too_many_requests", str(error), {"Retry-After": str(error.wait_seconds)})
        return render("invalid", errors=[{"field": "current", "message": "is wrong"}])
    try:
        sign_ins.choose_password(unit.session, account, body.new.get_secret_value())
    except ValueError as error:
        raise InvalidError.of("new", str(error)) from error
    return Response(status_code=204)


@router.get("/tokens")
def list_tokens(caller: Caller, unit: Unit, paging: Paging, tokens: PersonalTokens) -> Page[PersonalTokenRead]:
    rows, total = tokens.list(unit.session, caller.account_id, paging)
    items = [read_personal_token(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("/tokens", status_code=201, responses=declare("forbidden", "conflict"))
def create_token(
    caller: Caller, body: PersonalTokenCreate, unit: Unit, tokens: PersonalTokens, response: Response
) -> PersonalTokenCreated:
    """Make a personal access token with some of one's own scopes. Its text is shown this once."""
    token, text = tokens.create(unit.session, caller, body)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"{router.prefix}/tokens/{token.id}"
    return show_personal_token(token, text)


@router.delete("/tokens/{token_id}", status_code=204, responses=declare("not_found"))
def revoke_token(caller: Caller, token_id: ResourceId, unit: Unit, tokens: PersonalTokens) -> None:
    tokens.revoke(unit.session, caller.account_id, token_id)
