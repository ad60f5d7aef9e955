"""Errors as problem documents (RFC 9457), rendered from the one table in `shared.problems`."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from services.control_plane.kit.postgresql import is_passing
from shared.problems import MEDIA_TYPE, PROBLEMS

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS: Final = 2

_UNNAMED: Final = ("", "[key]")
"""Parts of a place that are no field: an untagged choice, the name itself of a dictionary's entry."""

_OF_STATUS: Final = {
    HTTPStatus.BAD_REQUEST: "malformed_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, named by its path: `endpoints.production.urls.0`."""

    field: str
    message: str


class ProblemError(Exception):
    """An error that the caller is told: an entry of the table, and what is particular about it."""

    slug: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or self.slug)
        self.detail = detail
        self.headers = headers
        self.members = {"errors": [asdict(error) for error in errors]} | members if errors else members


class NotFoundError(ProblemError):
    slug = "not_found"


class MalformedRequestError(ProblemError):
    slug = "malformed_request"


class ForbiddenError(ProblemError):
    slug = "forbidden"


class ConflictError(ProblemError):
    slug = "conflict"


class AlreadyExistsError(ProblemError):
    slug = "already_exists"


class InUseError(ProblemError):
    slug = "in_use"


class PreconditionFailedError(ProblemError):
    slug = "precondition_failed"


class UnavailableError(ProblemError):
    slug = "unavailable"


class InvalidError(ProblemError):
    """The request is understood, but fields of it are not valid."""

    slug = "invalid"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidError":
        return cls(errors=[FieldError(field, message)])


class ProblemDocument(BaseModel):
    """RFC 9457: what went wrong, for programs by its type and for people by its title and detail."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] | None = None


def declare(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer these problems."""
    declared: dict[int | str, dict[str, Any]] = {}
    for problem in map(PROBLEMS.__getitem__, slugs):
        if problem.status is None:
            raise ValueError(f"{problem.slug} has no HTTP status")
        titles = declared.get(problem.status, {}).get("description")
        declared[problem.status] = {
            "model": ProblemDocument,
            "description": f"{titles}; `{problem.slug}`" if titles else f"`{problem.slug}`",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
    return declared


def render(
    slug: str, detail: str | None = None, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """Return the response that tells a problem."""
    problem = PROBLEMS[slug]
    status = problem.status or HTTPStatus.INTERNAL_SERVER_ERROR
    return JSONResponse(problem.document(detail, **members), status, headers, media_type=MEDIA_TYPE)


def field_errors(error: ValidationError | RequestValidationError, *, skip: int = 0) -> list[FieldError]:
    """Return what validation found, without the first `skip` parts of each place, and never the input itself."""
    found = []
    for item in error.errors():
        place = [str(part) for part in item["loc"] if part not in _UNNAMED]
        found.append(FieldError(".".join(place[skip:] or place), _message(item)))
    return found


def _message(item: Mapping[str, Any]) -> str:
    return str(item["msg"]).removeprefix("Value error, ")


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(StaleDataError, _on_stale)
    app.add_exception_handler(IntegrityError, _on_integrity)
    app.add_exception_handler(OperationalError, _on_database)
    app.add_exception_handler(PoolTimeoutError, _on_database)
    app.add_exception_handler(DBAPIError, _on_statement)
    app.add_exception_handler(Exception, _on_defect)


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - Starlette calls it with what it was registered for
    return render(error.slug, error.detail, error.headers, **error.members)


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return render("malformed_request", "The body is not JSON.")
    found = field_errors(error, skip=1)
    return render("invalid", errors=[asdict(item) for item in found])


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    slug = _OF_STATUS.get(HTTPStatus(error.status_code), "malformed_request")
    headers = {"Allow": _allowed(request)} if slug == "method_not_allowed" else error.headers
    return render(slug, headers=headers)


def _allowed(request: Request) -> str:
    """Return the methods of all routes of a path (RFC 9110, section 15.5.6): Starlette names those of one."""
    allowed: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            allowed |= route.methods or set()
    return ", ".join(sorted(allowed))


async def _on_disconnect(_: Request, __: Exception) -> JSONResponse:
    return render("malformed_request", "The body ended early.")  # nobody reads it, and nothing broke here


async def _on_stale(_: Request, __: Exception) -> JSONResponse:
    return render("precondition_failed", "Another request changed it at the same time.")


async def _on_integrity(_: Request, error: Exception) -> JSONResponse:
    logger.warning("A constraint was broken by requests at the same time: %s", error)
    return render("conflict", "Another request changed what this one depends on.")


async def _on_database(_: Request, error: Exception) -> JSONResponse:
    logger.error("The database did not answer: %s", error)
    return render("unavailable", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _on_statement(request: Request, error: Exception) -> JSONResponse:
    """Tell a connection that was ended, and a server that only follows another, from a mistake of ours."""
    assert isinstance(error, DBAPIError)  # noqa: S101 - as above
    if error.connection_invalidated or is_passing(error.orig):
        return await _on_database(request, error)
    raise error


async def _on_defect(_: Request, __: Exception) -> JSONResponse:
    return render("internal_error")  # the server logs the traceback
