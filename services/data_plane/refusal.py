"""A handshake that is refused: with a real HTTP status and a problem document, before any 101."""

import json
import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from shared.problems import MEDIA_TYPE, PROBLEMS, Problem

_LATER_SECONDS: Final = (1, 10)
_OF_BACKENDS: Final = (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)


class RefusedError(Exception):
    """Ends a handshake with the problem named."""

    def __init__(self, slug: str, detail: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(slug)
        self.problem: Problem = PROBLEMS[slug]
        self.detail = detail
        self.headers = dict(headers or {})


class BackendFailedError(RefusedError):
    """Says that a backend is ill. With `elsewhere` nothing has happened yet, and another URL may be tried."""

    def __init__(self, slug: str, detail: str | None = None, *, elsewhere: bool) -> None:
        super().__init__(slug, detail)
        self.elsewhere = elsewhere


class UnreachableError(BackendFailedError):
    """Says that no connection to a backend came about."""

    def __init__(self, slug: str, detail: str | None = None) -> None:
        super().__init__(slug, detail, elsewhere=True)


def come_back_later(slug: str, detail: str | None = None) -> RefusedError:
    """Return a refusal that is over soon. The jitter keeps clients from coming back in step."""
    return RefusedError(slug, detail, {"Retry-After": str(random.randint(*_LATER_SECONDS))})  # noqa: S311 - no secret


def render(refused: RefusedError, request_id: str, key_type: str | None = None) -> bytes:
    """Return the whole answer, which ends its connection. Of a backend it says which endpoint it is, and no more."""
    problem = refused.problem
    members = {"endpoint": key_type.lower()} if key_type is not None and problem.status in _OF_BACKENDS else {}
    status = HTTPStatus(problem.status or HTTPStatus.INTERNAL_SERVER_ERROR)
    body = json.dumps(problem.document(refused.detail, request_id=request_id, **members)).encode()
    headers = {
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-Id": request_id,
        **refused.headers,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
