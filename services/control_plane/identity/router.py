from fastapi import APIRouter, Response

from services.control_plane.identity import repository
from services.control_plane.identity.dependencies import Accounts, KnownTotals, MayAdminister
from services.control_plane.identity.placing import place_of
from services.control_plane.identity.projection import read_service_account, show_service_account
from services.control_plane.identity.schemas import (
    ClientSecretRead,
    SecretRotate,
    ServiceAccountCreate,
    ServiceAccountCreated,
    ServiceAccountRead,
)
from services.control_plane.kit.pagination import Page, Paging
from services.control_plane.kit.preconditions import IfMatch, tag
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit

router = APIRouter(prefix="/admin/v1/service-accounts", tags=["service accounts"], route_class=UnitOfWorkRoute)


@router.get("")
def list_service_accounts(
    _: MayAdminister, unit: Unit, totals: KnownTotals, paging: Paging
) -> Page[ServiceAccountRead]:
    rows, total = totals.list_accounts(unit.session, repository.SERVICE, paging)
    items = [read_service_account(row) for row in rows]
    return Page(items=items, total=total, limit=paging.limit, offset=paging.offset)


@router.post("", status_code=201, responses=declare("already_exists"))
def create_service_account(
    caller: MayAdminister, body: ServiceAccountCreate, unit: Unit, accounts: Accounts, response: Response
) -> ServiceAccountCreated:
    organisation = place_of(unit.session, body.organisation, caller)
    account, secret = accounts.create_service(unit.session, body, organisation)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"{router.prefix}/{account.id}"
    tag(response, account.row_version)
    return show_service_account(account, secret)


@router.get("/{account_id}", responses=declare("not_found"))
def get_service_account(
    _: MayAdminister, account_id: ResourceId, unit: Unit, accounts: Accounts, response: Response
) -> ServiceAccountRead:
    account = accounts.get_service(unit.session, account_id)
    tag(response, account.row_version)
    return read_service_account(account)


@router.delete("/{account_id}", status_code=204, responses=declare("not_found", "precondition_failed"))
def delete_service_account(
    _: MayAdminister, account_id: ResourceId, unit: Unit, accounts: Accounts, if_match: IfMatch = None
) -> None:
    accounts.delete_service(unit.session, accounts.get_service(unit.session, account_id), if_match)


@router.post("/{account_id}/rotate-secret", responses=declare("not_found"))
def rotate_secret(
    _: MayAdminister,
    account_id: ResourceId,
    unit: Unit,
    accounts: Accounts,
    response: Response,
    body: SecretRotate | None = None,
) -> ClientSecretRead:
    """Answer a new secret, shown this once. The old one stops at once, or after `overlap_seconds`."""
    account = accounts.get_service(unit.session, account_id)
    secret = accounts.rotate_secret(unit.session, account, (body or SecretRotate()).overlap_seconds)
    response.headers["Cache-Control"] = "no-store"
    return ClientSecretRead(client_id=account.client_id or "", client_secret=secret)
