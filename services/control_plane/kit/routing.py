"""The route class that gives each request its unit of work."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final

import anyio
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from services.control_plane.kit.database import POOL_SIZE, POOL_TIMEOUT_SECONDS
from services.control_plane.kit.idempotency import IdempotencyKey, ReplayError
from services.control_plane.kit.problems import UnavailableError
from services.control_plane.kit.provide import obtain
from services.control_plane.kit.unit_of_work import Collaborators, UnitOfWork

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_RESERVED = 4  # connections for the pusher, and for health
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class Room:
    """How many requests may hold a database connection at once.

    A request holds its connection while it waits for a thread, so there must never be more of them than connections:
    threads that wait for connections would starve requests that wait for threads.
    """

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(POOL_SIZE - _RESERVED)

    async def __aenter__(self) -> None:
        try:
            with anyio.fail_after(POOL_TIMEOUT_SECONDS):
                await self._limiter.acquire()
        except TimeoutError as error:
            raise UnavailableError(headers={"Retry-After": "1"}) from error

    async def __aexit__(self, *_: object) -> None:
        self._limiter.release()


class UnitOfWorkRoute(APIRoute):
    """Commits before the answer is sent, so that whoever reads it finds the change done."""

    reads_only: ClassVar[bool] = False

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        reads_only = self.reads_only

        async def run(request: Request) -> Response:
            writes = request.method not in SAFE_METHODS and not reads_only
            await request.body()  # a slow sender holds no connection
            key = await IdempotencyKey.of(request) if writes else None
            address = request.client.host if request.client else ""
            async with obtain(request, Room):
                unit = UnitOfWork(obtain(request, Collaborators), writes=writes, address=address, key=key)
                request.state.unit_of_work = unit
                return await _complete(unit, handle, request)

        return run


class ReadingRoute(UnitOfWorkRoute):
    """For a POST that changes nothing."""

    reads_only: ClassVar[bool] = True


async def _complete(unit: UnitOfWork, handle: Handler, request: Request) -> Response:
    try:
        response = await handle(request)
        if unit.is_open:
            await run_in_threadpool(unit.finish, response)
    except ReplayError as replay:
        return replay.response
    finally:
        if unit.is_open:  # it failed
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(unit.close)
    return response
