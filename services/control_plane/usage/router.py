"""Usage: of all for administrators, of an API for its publisher, of an application for its owner."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response

from services.control_plane.identity.dependencies import MayOperate, MayReadApis
from services.control_plane.kit.problems import declare
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Own
from services.control_plane.usage.billing import bill_as_csv
from services.control_plane.usage.dependencies import Bills, Reader
from services.control_plane.usage.reports import Scope, as_csv
from services.control_plane.usage.schemas import Asked, AskedBill, Bill, UsageQuery, UsageReport

Responses = dict[int | str, dict[str, Any]]

router = APIRouter(tags=["usage"], route_class=UnitOfWorkRoute)
applications = APIRouter(prefix="/store/v1/applications/{application_id}", tags=["usage"], route_class=UnitOfWorkRoute)

_CSV: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/admin/v1/usage", response_model=UsageReport, responses=_CSV)
def read_usage(_: MayOperate, query: Asked, unit: Unit, reader: Reader) -> UsageReport | Response:
    return _answer(reader.report(unit.session, Scope(), query), query)


@router.get("/admin/v1/usage/billing", response_model=Bill, responses=_CSV)
def read_bill(_: MayOperate, query: AskedBill, unit: Unit, bills: Bills) -> Bill | Response:
    """Return what all applications used in a month, a line for each of their APIs, policies and types of key."""
    bill = bills.read(unit.session, query)
    if query.format == "json":
        return bill
    return _sheet(bill_as_csv(bill), f"bill-{bill.month}", {"X-Total-Count": str(bill.total)})


@router.get("/publisher/v1/apis/{api_id}/usage", response_model=UsageReport, responses=_CSV | declare("not_found"))
def read_api_usage(
    caller: MayReadApis, api_id: ResourceId, query: Asked, unit: Unit, apis: Apis, reader: Reader
) -> UsageReport | Response:
    api = apis.get(unit.session, api_id, caller)
    return _answer(reader.report(unit.session, Scope(api_id=api.id), query), query)


@applications.get("/usage", response_model=UsageReport, responses=_CSV | declare("not_found"))
def read_application_usage(application: Own, query: Asked, unit: Unit, reader: Reader) -> UsageReport | Response:
    return _answer(reader.report(unit.session, Scope(application_id=application.id), query), query)


def _answer(report: UsageReport, query: UsageQuery) -> UsageReport | Response:
    if query.format == "json":
        return report
    return _sheet(as_csv(report), "usage", {})


def _sheet(text: str, name: str, more: Mapping[str, str]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', **more}
    return Response(text, media_type="text/csv; charset=utf-8; header=present", headers=headers)
