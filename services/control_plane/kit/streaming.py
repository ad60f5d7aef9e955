"""Streams that end with their reader."""

from collections.abc import Generator
from typing import Final

import anyio
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_GRACE_SECONDS: Final = 10


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
