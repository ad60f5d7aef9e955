from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.control_plane.kit.problems import render
from shared.problems import PROBLEMS

_SLUG = "too_large"


class BodyLimitMiddleware:
    """Starlette's limit on bodies, whose plain text is replaced by our problem document."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = RequestBodyLimitMiddleware(app, max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def replace(message: Message) -> None:
            nonlocal refused
            if refused:
                return  # what follows belongs to the answer that was replaced
            if message["type"] == "http.response.start" and message["status"] == PROBLEMS[_SLUG].status:
                refused = True
                await render(_SLUG)(scope, receive, send)
            else:
                await send(message)

        await self._app(scope, receive, replace)
