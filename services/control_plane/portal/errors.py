"""Errors of pages, as pages. Whoever asks the REST, or asks for no HTML, gets the problem document."""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from services.control_plane.portal.access import SignInNeededError, sign_in_path
from services.control_plane.portal.conflicts import conflict_page
from services.control_plane.portal.frame import content_policy, render

Handler = Callable[[Request, Exception], Awaitable[Response]]

_OF_PROGRAMS: Final = re.compile(r"/([a-z]+/v1|oauth2|\.well-known)(/.*)?|/(openapi\.json|healthz|readyz|metrics)")


def install(app: FastAPI) -> None:
    """Let people read what the handlers that are there say to programs."""
    for kind, handler in list(app.exception_handlers.items()):
        app.exception_handlers[kind] = _readable(handler)
    app.add_exception_handler(SignInNeededError, _on_sign_in_needed)


def _readable(handler: Any) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        response: Response = await handler(request, error)
        if not _wants_page(request):
            return response
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            return await conflict_page(request, response.headers.get("etag"))
        return _page_of(response)

    return handle


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not _OF_PROGRAMS.fullmatch(request.url.path)


def _page_of(response: Response) -> Response:
    problem = json.loads(bytes(response.body))
    page = render(
        "error.html",
        response.status_code,
        content_policy(form_action="'none'"),
        title=problem["title"],
        detail=problem.get("detail", ""),
        errors=problem.get("errors") or [],
        code=response.status_code,
    )
    for name in ("retry-after", "allow", "etag"):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page


async def _on_sign_in_needed(request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeededError)  # noqa: S101 - Starlette calls it with what it was registered for
    path = sign_in_path(error.place)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)
