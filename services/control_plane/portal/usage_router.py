"""Usage in plots and tables: of an API for its publisher, of an application for its owner, of all for admins."""

from fastapi import APIRouter, Response

from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Operator, Reader, Subscriber
from services.control_plane.portal.frame import PageFrame
from services.control_plane.portal.usage_view import Asking, Wanted, look
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.publisher.projection import read_api
from services.control_plane.store.dependencies import Applications
from services.control_plane.store.projection import read_application
from services.control_plane.usage.dependencies import Reader as Usage
from services.control_plane.usage.reports import Scope, as_csv
from services.control_plane.usage.schemas import MAX_ROWS, Group

router = APIRouter(route_class=UnitOfWorkRoute, include_in_schema=False)


@router.get("/publisher/apis/{api_id}/usage")
def show_api_usage(
    frame: PageFrame, caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, usage: Usage, wanted: Asking
) -> Response:
    api = read_api(apis.get(unit.session, api_id, caller))
    it = look(unit.session, usage, Scope(api_id=api.id), wanted, f"/publisher/apis/{api.id}/usage")
    return frame.show("publisher/usage.html", it=it, api=api)


@router.get("/publisher/apis/{api_id}/usage.csv")
def send_api_usage(
    caller: Reader, api_id: ResourceId, unit: Unit, apis: Apis, usage: Usage, wanted: Asking
) -> Response:
    api = apis.get(unit.session, api_id, caller)
    return _send(unit, usage, Scope(api_id=api.id), wanted, ["application"])


@router.get("/applications/{application_id}/usage")
def show_application_usage(
    frame: PageFrame,
    caller: Subscriber,
    application_id: ResourceId,
    unit: Unit,
    applications: Applications,
    usage: Usage,
    wanted: Asking,
) -> Response:
    application = read_application(applications.get(unit.session, application_id, caller.account_id))
    place = f"/applications/{application.id}/usage"
    it = look(unit.session, usage, Scope(application_id=application.id), wanted, place)
    return frame.show("applications/usage.html", it=it, application=application)


@router.get("/applications/{application_id}/usage.csv")
def send_application_usage(
    caller: Subscriber,
    application_id: ResourceId,
    unit: Unit,
    applications: Applications,
    usage: Usage,
    wanted: Asking,
) -> Response:
    application = applications.get(unit.session, application_id, caller.account_id)
    return _send(unit, usage, Scope(application_id=application.id), wanted, ["api"])


@router.get("/admin/usage")
def show_usage(frame: PageFrame, _: Operator, unit: Unit, usage: Usage, wanted: Asking) -> Response:
    return frame.show("admin/usage.html", it=look(unit.session, usage, Scope(), wanted, "/admin/usage"))


@router.get("/admin/usage.csv")
def send_usage(_: Operator, unit: Unit, usage: Usage, wanted: Asking) -> Response:
    return _send(unit, usage, Scope(), wanted, ["api", "application"])


def _send(unit: Unit, usage: Usage, scope: Scope, wanted: Wanted, groups: list[Group]) -> Response:
    """Return the same range as a file, in the columns that the REST has."""
    query = wanted.query().model_copy(update={"group_by": groups, "limit": MAX_ROWS})
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"', "X-Content-Type-Options": "nosniff"}
    text = as_csv(usage.report(unit.session, scope, query))
    return Response(text, media_type="text/csv; charset=utf-8; header=present", headers=headers)
