"""Users, as an administrator keeps them."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import People
from services.control_plane.identity.placing import place_of
from services.control_plane.identity.projection import read_user
from services.control_plane.identity.schemas import UserCreate
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit, UnitOfWork
from services.control_plane.portal.access import Administrator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame

router = APIRouter(prefix="/admin", route_class=UnitOfWorkRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class PeoplePages:
    """The list of users; what goes wrong is said on it."""

    frame: Frame
    unit: UnitOfWork

    def users(self, paging: PageQuery, mistakes: Mistakes | None = None, **more: Any) -> Response:
        session = self.unit.session
        rows, total = repository.list_accounts(session, repository.PERSON, paging)
        roles, _ = repository.list_roles(session, PageQuery(limit=MAX_LIMIT))
        return self.frame.show(
            "admin/users.html",
            422 if mistakes else 200,
            items=[read_user(row) for row in rows],
            versions={row.id: etag(row.row_version) for row in rows},
            page={"total": total, "limit": paging.limit, "offset": paging.offset},
            roles=[(role.name, role.name, "") for role in roles],
            q=paging.q or "",
            mistakes=mistakes or Mistakes(),
            **{"sent": Fields(), "one_time": None, "name": None, **more},
        )


@router.get("")
async def go_in(_: Administrator) -> Response:
    return RedirectResponse("/admin/users", 303)


@router.get("/users")
def list_users(frame: PageFrame, _: Administrator, unit: Unit, paging: Paging) -> Response:
    return PeoplePages(frame, unit).users(paging)


@router.post("/users")
def create_user(frame: PageFrame, caller: Administrator, sent: Sent, unit: Unit, people: People) -> Response:
    """Make a user, and show the one-time password."""
    pages = PeoplePages(frame, unit)
    try:
        chosen = {"name": sent.text("name"), "roles": sent.all("roles"), **sent.given("organisation")}
        body = build(UserCreate, chosen)
        account, one_time = people.create(unit.session, body, place_of(unit.session, body.organisation, caller))
    except ProblemError as error:
        unit.close()
        return pages.users(PageQuery(limit=25), Mistakes.of(error), sent=sent)
    return pages.users(PageQuery(limit=25), one_time=one_time, name=account.name)


@router.post("/users/{user_id}/change")
def change_user(
    frame: PageFrame, _: Administrator, user_id: ResourceId, sent: Sent, unit: Unit, people: People
) -> Response:
    """Change roles, or disable or enable."""
    disabled = sent.text("disabled")
    patch = {"disabled": disabled == "1"} if disabled else {"roles": sent.all("roles")}
    try:
        people.patch(unit.session, people.get(unit.session, user_id), patch, sent.if_match)
    except ProblemError as error:
        unit.close()
        return PeoplePages(frame, unit).users(PageQuery(limit=25), Mistakes.of(error))
    return RedirectResponse("/admin/users?done=saved", 303)


@router.post("/users/{user_id}/reset-password")
def reset_password(
    frame: PageFrame, _: Administrator, user_id: ResourceId, __: Sent, unit: Unit, people: People
) -> Response:
    account = people.get(unit.session, user_id)
    one_time = people.reset_password(unit.session, account)
    return PeoplePages(frame, unit).users(PageQuery(limit=25), one_time=one_time, name=account.name)


@router.post("/users/{user_id}/delete")
def delete_user(
    frame: PageFrame, _: Administrator, user_id: ResourceId, sent: Sent, unit: Unit, people: People
) -> Response:
    try:
        people.delete(unit.session, people.get(unit.session, user_id), sent.if_match)
    except ProblemError as error:
        unit.close()
        return PeoplePages(frame, unit).users(PageQuery(limit=25), Mistakes.of_button(error))
    return RedirectResponse("/admin/users?done=deleted", 303)
