"""Service accounts: what pipelines sign in as."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import Accounts
from services.control_plane.identity.placing import place_of
from services.control_plane.identity.projection import read_service_account
from services.control_plane.identity.schemas import ServiceAccountCreate
from services.control_plane.kit.pagination import PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit, UnitOfWork
from services.control_plane.portal.access import Administrator, Sent
from services.control_plane.portal.fields import Fields, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.words import scope_words

router = APIRouter(prefix="/admin/service-accounts", route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("")
def list_accounts(frame: PageFrame, _: Administrator, unit: Unit, paging: Paging) -> Response:
    return _show(frame, unit, paging)


@router.post("")
def create(frame: PageFrame, caller: Administrator, sent: Sent, unit: Unit, accounts: Accounts) -> Response:
    """Make a service account, and show its secret."""
    try:
        chosen = {"name": sent.text("name"), "scopes": sent.all("scopes"), **sent.given("organisation")}
        body = build(ServiceAccountCreate, chosen)
        place = place_of(unit.session, body.organisation, caller)
        account, secret = accounts.create_service(unit.session, body, place)
    except ProblemError as error:
        unit.close()
        return _show(frame, unit, PageQuery(limit=25), Mistakes.of(error), sent=sent)
    return _show(frame, unit, PageQuery(limit=25), secret=secret, shown=read_service_account(account))


@router.post("/{account_id}/rotate")
def rotate(
    frame: PageFrame, _: Administrator, account_id: ResourceId, __: Sent, unit: Unit, accounts: Accounts
) -> Response:
    account = accounts.get_service(unit.session, account_id)
    secret = accounts.rotate_secret(unit.session, account, 0)
    return _show(frame, unit, PageQuery(limit=25), secret=secret, shown=read_service_account(account))


@router.post("/{account_id}/delete")
def delete(_: Administrator, account_id: ResourceId, sent: Sent, unit: Unit, accounts: Accounts) -> Response:
    accounts.delete_service(unit.session, accounts.get_service(unit.session, account_id), sent.if_match)
    return RedirectResponse("/admin/service-accounts?done=deleted", 303)


def _show(frame: Frame, unit: UnitOfWork, paging: PageQuery, mistakes: Mistakes | None = None, **more: Any) -> Response:
    rows, total = repository.list_accounts(unit.session, repository.SERVICE, paging)
    return frame.show(
        "admin/services.html",
        422 if mistakes else 200,
        items=[read_service_account(row) for row in rows],
        versions={row.id: etag(row.row_version) for row in rows},
        page={"total": total, "limit": paging.limit, "offset": paging.offset},
        scope_words=scope_words(),
        mistakes=mistakes or Mistakes(),
        **{"sent": Fields(), "secret": None, "shown": None, **more},
    )
