from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import KnownTotals, MayAdminister, People
from services.control_plane.identity.placing import place_of
from services.control_plane.identity.projection import read_user, show_user
from services.control_plane.identity.schemas import OneTimePassword, UserCreate, UserCreated, UserRead
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/users", tags=["users"], route_class=UnitOfWorkRoute)


@router.get("")
def list_users(_: MayAdminister, unit: Unit, totals: KnownTotals, paging: Paging) -> Page[UserRead]:
    rows, total = totals.list_accounts(unit.session, repository.PERSON, paging)
    return Page(items=[read_user(row) for row in rows], total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_user(caller: MayAdminister, body: UserCreate, unit: Unit, people: People, response: Response) -> UserCreated:
    """Make a user. Without a password the answer holds a one-time password, shown this once."""
    account, one_time = people.create(unit.session, body, place_of(unit.session, body.organisation, caller))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"{router.prefix}/{account.id}"
    tag(response, account.row_version)
    return show_user(account, one_time)


@router.get("/{user_id}", responses=declare("not_found"))
def get_user(_: MayAdminister, user_id: ResourceId, unit: Unit, people: People, response: Response) -> UserRead:
    account = people.get(unit.session, user_id)
    tag(response, account.row_version)
    return read_user(account)


@router.patch("/{user_id}", responses=declare("not_found", "conflict", "precondition_failed"))
def patch_user(
    _: MayAdminister,
    user_id: ResourceId,
    body: dict[str, Any],
    unit: Unit,
    people: People,
    response: Response,
    if_match: IfMatch = None,
) -> UserRead:
    """Change `roles`, or `disabled`. What a user loses is lost within a second, for open tokens too."""
    account = people.get(unit.session, user_id)
    people.patch(unit.session, account, body, if_match)
    tag(response, account.row_version)
    return read_user(account)


@router.delete("/{user_id}", status_code=204, responses=declare("not_found", "conflict", "precondition_failed"))
def delete_user(_: MayAdminister, user_id: ResourceId, unit: Unit, people: People, if_match: IfMatch = None) -> None:
    people.delete(unit.session, people.get(unit.session, user_id), if_match)


@router.post("/{user_id}/reset-password", responses=declare("not_found"))
def reset_password(
    _: MayAdminister, user_id: ResourceId, unit: Unit, people: People, response: Response
) -> OneTimePassword:
    """Answer a one-time password, shown this once: the user must choose a new one at the next sign-in."""
    account = people.get(unit.session, user_id)
    one_time = people.reset_password(unit.session, account)
    response.headers["Cache-Control"] = "no-store"
    return OneTimePassword(one_time_password=one_time)
