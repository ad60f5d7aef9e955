"""A handshake that is refused: with a real HTTP status and a problem document, before any 101."""

from collections.abc import Mapping

from aiohttp import web

from shared.problems import MEDIA_TYPE, PROBLEMS, Problem


class RefusedError(Exception):
    """Ends a handshake with the problem named."""

    def __init__(self, slug: str, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(slug)
        self.problem: Problem = PROBLEMS[slug]
        self.detail = detail
        self.headers = dict(headers or {})


def render(refused: RefusedError, request_id: str) -> web.Response:
    """Return the answer. It closes the connection: what came behind a refused upgrade is never read as HTTP."""
    body = refused.problem.document(refused.detail, request_id=request_id)
    response = web.json_response(
        body, status=refused.problem.status or 500, headers=refused.headers, content_type=MEDIA_TYPE
    )
    response.headers["X-Request-Id"] = request_id
    response.force_close()
    return response
