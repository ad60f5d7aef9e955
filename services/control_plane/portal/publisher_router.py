"""The Publisher: APIs made in three steps, and changed in the same forms."""

from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from services.control_plane.asyncapi import repository as document_repository
from services.control_plane.environments import repository as environment_repository
from services.control_plane.kit.merge_patch import patched
from services.control_plane.kit.pagination import MAX_LIMIT, PageQuery, Paging
from services.control_plane.kit.preconditions import etag
from services.control_plane.kit.problems import ProblemError
from services.control_plane.kit.routing import ReadingRoute, UnitOfWorkRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.access import Creator, Reader, Sent
from services.control_plane.portal.fields import IF_MATCH, Mistakes, build
from services.control_plane.portal.frame import Frame, PageFrame
from services.control_plane.portal.policies import offers
from services.control_plane.portal.publisher_forms import (
    READERS,
    STEPS,
    complete,
    read_design,
    read_implement,
    values_of,
)
from services.control_plane.portal.sparkline import HEIGHT, WIDTH, sketch
from services.control_plane.publisher import repository
from services.control_plane.publisher.addresses import urls_in_patch
from services.control_plane.publisher.dependencies import Addresses, Apis, Secrets, Tester
from services.control_plane.publisher.projection import read_api, write_of
from services.control_plane.publisher.schemas import ApiRead, ApiWrite, EndpointTest
from services.control_plane.usage.analytics import traffic
from services.control_plane.usage.dependencies import Reader as Usage
from services.control_plane.usage.steps import ceiling

Step = Literal["design", "implement", "manage"]

router = APIRouter(prefix="/publisher", route_class=UnitOfWorkRoute, include_in_schema=False)
tests_router = APIRouter(prefix="/publisher", route_class=ReadingRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Editor:
    """One step of making an API, on paper."""

    frame: Frame
    session: Session
    if_match: str = ""

    def show(
        self,
        step: str,
        api: ApiRead | None,
        patch: dict[str, Any] | None = None,
        mistakes: Mistakes | None = None,
        results: list[EndpointTest] | None = None,
    ) -> Response:
        manages = step == "manage"
        return self.frame.show(
            f"publisher/{step}.html",
            422 if mistakes else 200,
            api=api,
            if_match=self.if_match,
            step=step,
            steps=STEPS,
            values=values_of(api, patch),
            mistakes=mistakes or Mistakes(),
            results=results,
            policies=offers(self.session, "subscription") if manages else [],
            api_policies=offers(self.session, "api") if manages else [],
            categories=_categories(self.session) if step == "design" else [],
            environments=environment_repository.list_all(self.session) if manages else [],
            documented=bool(manages and api and document_repository.find(self.session, api.id)),
        )


@router.get("")
def list_apis(frame: PageFrame, caller: Reader, unit: Unit, paging: Paging, usage: Usage) -> Response:
    rows, total = repository.list_page(unit.session, caller, paging)
    messages = traffic(unit.session, [row.id for row in rows], ceiling(usage.now(), "hour"))
    page = {"total": total, "limit": paging.limit, "offset": paging.offset}
    return frame.show(
        "publisher/list.html",
        items=[read_api(row) for row in rows],
        page=page,
        q=paging.q or "",
        traffic={id_: sketch(values) for id_, values in messages.items()},
        size=(WIDTH, HEIGHT),
    )


@router.get("/new")
def show_new(frame: PageFrame, _: Creator, unit: Unit) -> Response:
    return Editor(frame, unit.session).show("design", None)


@router.post("/new")
def create(frame: PageFrame, caller: Creator, sent: Sent, unit: Unit, apis: Apis) -> Response:
    patch = read_design(sent)
    try:
        api = apis.create(unit.session, build(ApiWrite, patch), caller)
    except ProblemError as error:
        unit.close()
        return Editor(frame, unit.session).show("design", None, patch, Mistakes.of(error))
    return RedirectResponse(f"/publisher/apis/{api.id}/implement?done=created", 303)


@router.get("/apis/{api_id}/{step}")
def show_step(frame: PageFrame, caller: Creator, api_id: ResourceId, step: Step, unit: Unit, apis: Apis) -> Response:
    row = apis.get(unit.session, api_id, caller)
    return Editor(frame, unit.session, etag(row.row_version)).show(step, read_api(row))


@router.post("/apis/{api_id}/{step}")
def save_step(
    frame: PageFrame,
    caller: Creator,
    api_id: ResourceId,
    step: Step,
    sent: Sent,
    unit: Unit,
    apis: Apis,
    addresses: Addresses,
) -> Response:
    """Save a step, and go on to the next one if that is asked for."""
    patch = READERS[step](sent)
    try:
        addresses.check(urls_in_patch(patch))  # names are looked up before the transaction begins
        row = apis.get(unit.session, api_id, caller)
        apis.patch(unit.session, row, complete(patch, read_api(row)), caller, sent.if_match)
    except ProblemError as error:
        unit.close()
        api = read_api(apis.get(unit.session, api_id, caller))
        editor = Editor(frame, unit.session, sent.next_match(error))
        return editor.show(step, api, complete(patch, api), Mistakes.of(error))
    after = {"design": "implement", "implement": "manage", "manage": "lifecycle"}[step]
    return RedirectResponse(f"/publisher/apis/{api_id}/{after if sent.on('next') else step}?done=saved", 303)


@tests_router.post("/apis/{api_id}/implement/test")
def try_endpoints(
    frame: PageFrame,
    caller: Creator,
    api_id: ResourceId,
    sent: Sent,
    unit: Unit,
    apis: Apis,
    addresses: Addresses,
    secrets: Secrets,
    tester: Tester,
) -> Response:
    """Open a WebSocket to the endpoints as they stand in the form, saved or not."""
    patch = read_implement(sent)
    row = apis.get(unit.session, api_id, caller)
    api, access = read_api(row), secrets.open(row)
    try:
        body = patched(write_of(row), patch)
        unit.release()  # no transaction waits for the network
        addresses.check(urls_in_patch(patch))
        results = tester.test(body.endpoints.contract(), access)
    except ProblemError as error:
        return Editor(frame, unit.session, sent.text(IF_MATCH)).show("implement", api, patch, Mistakes.of(error))
    return Editor(frame, unit.session, sent.text(IF_MATCH)).show("implement", api, patch, results=results)


def _categories(session: Session) -> list[tuple[str, str, str]]:
    rows, _ = repository.list_categories(session, PageQuery(limit=MAX_LIMIT))
    return [(row.name, row.name, row.description) for row in rows]
