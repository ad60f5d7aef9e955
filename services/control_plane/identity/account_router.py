"""One's own account."""

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import Caller, PersonalTokens
from services.control_plane.identity.projection import read_personal_token, show_personal_token
from services.control_plane.identity.schemas import (
    MeRead,
    PersonalTokenCreate,
    PersonalTokenCreated,
    PersonalTokenRead,
)
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.problems import declare
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
        kind=caller.kind,
        roles=sorted(caller.roles),
        scopes=sorted(caller.scopes),
    )


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
