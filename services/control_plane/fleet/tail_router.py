"""Tails: of all for administrators, of an API for its publisher, of an application for its owner."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.control_plane.fleet.schemas import TailQuery, Watching, WatchingOne
from services.control_plane.fleet.tails import Check, TailService
from services.control_plane.identity.dependencies import (
    Authentication,
    MayOperate,
    MayReadApis,
    MaySubscribe,
    check_platform,
)
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN, PUBLISHER_READ, STORE_SUBSCRIBE
from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import declare
from services.control_plane.kit.provide import provide
from services.control_plane.kit.routing import UnitOfWorkRoute
from services.control_plane.kit.streaming import LinesResponse
from services.control_plane.kit.text import ResourceId
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Applications, Own
from shared.definition import ApiId
from shared.subscription import ApplicationId

router = APIRouter(tags=["connections"], route_class=UnitOfWorkRoute)
applications = APIRouter(
    prefix="/store/v1/applications/{application_id}", tags=["connections"], route_class=UnitOfWorkRoute
)

_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line of JSON an event, as they happen",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Watcher:
    """Opens tails, and sees to it that they end with the right to them."""

    tails: Annotated[TailService, Depends(provide(TailService))]
    authenticator: Authentication
    database: Annotated[Database, Depends(provide(Database))]

    def watch(self, caller: Principal, query: TailQuery, check: Check, **mine: str) -> LinesResponse:
        selection = query.selection.model_copy(update=mine)  # whatever else is asked for, nothing beyond it
        seconds = min(query.seconds, self.authenticator.seconds_left(caller))
        lines = self.tails.watch(caller.account_id, selection, query.sample, seconds, check)
        return LinesResponse(lines, seconds)


Watchers = Annotated[Watcher, Depends()]


@router.get("/admin/v1/tail", response_class=LinesResponse, responses=_LINES | declare("unavailable"))
def tail(caller: MayOperate, query: Watching, unit: Unit, watcher: Watchers) -> LinesResponse:
    """Tell what happens on connections."""
    unit.release()  # no transaction waits for the network

    def check() -> None:
        check_platform(watcher.authenticator.look_again(caller, ADMIN))

    return watcher.watch(caller, query, check)


@router.get(
    "/publisher/v1/apis/{api_id}/tail",
    response_class=LinesResponse,
    responses=_LINES | declare("not_found", "unavailable"),
)
def tail_api(
    caller: MayReadApis, api_id: ResourceId, query: WatchingOne, unit: Unit, apis: Apis, watcher: Watchers
) -> LinesResponse:
    """Tell what happens on the connections of an API."""
    mine = ApiId(apis.get(unit.session, api_id, caller).id)
    unit.release()

    def check() -> None:
        now = watcher.authenticator.look_again(caller, PUBLISHER_READ)
        with watcher.database.reading(now.organisation) as session:
            apis.get(session, mine, now)

    return watcher.watch(caller, query, check, api_id=mine)


@applications.get("/tail", response_class=LinesResponse, responses=_LINES | declare("not_found", "unavailable"))
def tail_application(
    caller: MaySubscribe, application: Own, query: Watching, unit: Unit, known: Applications, watcher: Watchers
) -> LinesResponse:
    """Tell what happens on the connections of an application of one's own."""
    mine = ApplicationId(application.id)
    unit.release()

    def check() -> None:
        now = watcher.authenticator.look_again(caller, STORE_SUBSCRIBE)
        with watcher.database.reading(now.organisation) as session:
            known.get(session, mine, now.account_id)

    return watcher.watch(caller, query, check, application_id=mine)
