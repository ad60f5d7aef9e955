"""Streams that end with their reader."""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

import anyio
import anyio.lowlevel
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send

_GRACE_SECONDS: Final = 10
_PATIENCE_SECONDS: Final = 10
"""For so long a reader may leave unread what fills the buffers."""


class LinesResponse(StreamingResponse):
    """Lines as a generator makes them, which is closed when its reader has gone, or has stopped reading.

    Starlette only lets go of it: what it holds would stay held until the garbage collector comes by.
    """

    media_type = "application/x-ndjson"

    def __init__(self, lines: Generator[str], seconds: float, status_code: int = 200) -> None:
        """`seconds` is how long the generator goes on by itself. FastAPI's document reads the status off here."""
        super().__init__(lines, status_code, headers={"X-Accel-Buffering": "no"})
        self._lines = lines
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with anyio.move_on_after(self._seconds + _GRACE_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._lines.close)


class StreamRoute(APIRoute):
    """Ends a stream whose reader has stopped reading: what it holds would be held without end."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def run(request: Request) -> Response:
            return _Impatient(await handle(request))

        return run


class _Impatient(Response):
    def __init__(self, response: Response) -> None:
        super().__init__(status_code=response.status_code)
        self._response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as stream:

            async def send_in_time(message: Message) -> None:
                with anyio.move_on_after(_PATIENCE_SECONDS) as patience:
                    await send(message)
                if patience.cancelled_caught:
                    stream.cancel()
                    await anyio.lowlevel.checkpoint()

            await self._response(scope, receive, send_in_time)
