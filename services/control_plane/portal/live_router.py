"""Usage as it comes in, by server-sent events. A stream holds no database connection while it waits."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlmodel import Session

from services.control_plane.identity.dependencies import check_platform
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import ADMIN, PUBLISHER_READ, STORE_SUBSCRIBE
from services.control_plane.identity.sessions import SessionService
from services.control_plane.kit.database import Database
from services.control_plane.kit.problems import ProblemError, UnavailableError
from services.control_plane.kit.provide import obtain
from services.control_plane.kit.routing import Room
from services.control_plane.kit.streaming import StreamRoute
from services.control_plane.kit.text import ResourceId
from services.control_plane.portal.access import SomeVisitor, check_scope
from services.control_plane.portal.frame import fragment
from services.control_plane.portal.live_room import LiveRoom
from services.control_plane.portal.usage_view import Asking, Wanted, look
from services.control_plane.publisher.dependencies import Apis
from services.control_plane.store.dependencies import Applications
from services.control_plane.usage.dependencies import Reader as Usage
from services.control_plane.usage.reports import Scope, UsageReader

router = APIRouter(route_class=StreamRoute, include_in_schema=False)

EVERY_SECONDS: Final = 5.0
TIMES: Final = 3
"""Then the browser comes again: no stream holds up a control plane that stops, or its share of the load."""

RETRY_MS: Final = 1000

PARTS: Final = ("tiles", "parts", "heads", "rows")

Events = AsyncIterator[ServerSentEvent]
Find = Callable[[Session, Principal], Scope]


@dataclass(frozen=True, slots=True)
class Stream:
    """What one page is told, as long as whoever looks at it may see it."""

    request: Request
    usage: UsageReader
    token: str
    scope: str

    async def events(self, find: Find, wanted: Wanted) -> Events:
        """Yield the figures a few times. That it is over for good is said where they may not be seen any more."""
        for _ in range(TIMES):
            try:
                async with obtain(self.request, Room):
                    figures = await run_in_threadpool(self._read, find, wanted)
            except UnavailableError:
                return  # the browser comes again by itself
            except ProblemError:
                yield ServerSentEvent(event="end", data=None)
                return
            yield ServerSentEvent(event="figures", data=figures, retry=RETRY_MS)
            await anyio.sleep(EVERY_SECONDS)

    def _read(self, find: Find, wanted: Wanted) -> dict[str, str]:
        """Return the parts of the page that change. Raises `ProblemError` where they may not be seen any more."""
        principal = check_scope(obtain(self.request, SessionService).find(self.token), self.scope)
        organisation = None if self.scope == ADMIN else principal.organisation  # the platform's usage is that of all
        with obtain(self.request, Database).reading(organisation) as session:
            place = self.request.url.path.removesuffix("/live")
            it = look(session, self.usage, find(session, principal), wanted, place)
            return {part: fragment(f"usage/{part}.html", it=it) for part in PARTS}


class Watches:
    """A dependency: a stream for whoever is signed in and has a scope, and a place for it as long as it lasts."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    async def __call__(self, request: Request, visitor: SomeVisitor, usage: Usage) -> AsyncIterator[Stream]:
        check_scope(visitor, self._scope)
        with obtain(request, LiveRoom).place(visitor.token):
            yield Stream(request, usage, visitor.token, self._scope)


@router.get("/admin/usage/live", response_class=EventSourceResponse)
async def watch(stream: Annotated[Stream, Depends(Watches(ADMIN))], wanted: Asking) -> Events:
    def find(_: Session, caller: Principal) -> Scope:
        check_platform(caller)
        return Scope()

    async for event in stream.events(find, wanted):
        yield event


@router.get("/publisher/apis/{api_id}/usage/live", response_class=EventSourceResponse)
async def watch_api(
    stream: Annotated[Stream, Depends(Watches(PUBLISHER_READ))], api_id: ResourceId, apis: Apis, wanted: Asking
) -> Events:
    def find(session: Session, caller: Principal) -> Scope:
        return Scope(api_id=apis.get(session, api_id, caller).id)

    async for event in stream.events(find, wanted):
        yield event


@router.get("/applications/{application_id}/usage/live", response_class=EventSourceResponse)
async def watch_application(
    stream: Annotated[Stream, Depends(Watches(STORE_SUBSCRIBE))],
    application_id: ResourceId,
    applications: Applications,
    wanted: Asking,
) -> Events:
    def find(session: Session, caller: Principal) -> Scope:
        return Scope(application_id=applications.get(session, application_id, caller.account_id).id)

    async for event in stream.events(find, wanted):
        yield event
