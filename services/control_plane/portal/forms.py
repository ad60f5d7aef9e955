"""Forms that come from our own pages, and browsers that somebody is signed in with."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from services.control_plane.identity.sessions import SessionService, SignedIn
from services.control_plane.kit.problems import ForbiddenError
from services.control_plane.kit.provide import obtain
from services.control_plane.oauth.requests import read_parameters
from services.control_plane.portal.consent import ConsentService

FORM_TOKEN: Final = "form_token"  # noqa: S105 - a field's name

_COOKIE: Final = "framegate_session"


async def _read_address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form that one of our pages sent. Raises `ForbiddenError`."""
    if not is_own(request.headers):
        raise ForbiddenError("The form comes from another site.")
    try:
        return read_parameters(await request.body())
    except OAuth2Error:
        return {}


async def _find_visitor(request: Request) -> SignedIn | None:
    token = request.cookies.get(session_cookie(secure=obtain(request, ConsentService).is_secure))
    return await run_in_threadpool(obtain(request, SessionService).find, token) if token else None


Address = Annotated[str, Depends(_read_address)]
Form = Annotated[dict[str, str], Depends(_read_form)]
Visitor = Annotated[SignedIn | None, Depends(_find_visitor)]


def is_own(headers: Headers) -> bool:
    """Tell whether a browser says that a form is ours. One that says nothing is left to the form's token."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def check_form(visitor: SignedIn, form: dict[str, str]) -> None:
    """See that a form was made for this session. Raises `ForbiddenError`."""
    if not visitor.made_form(form.get(FORM_TOKEN, "")):
        raise ForbiddenError("The form is not of this session: load the page anew.")


def host_cookie(name: str, *, secure: bool) -> str:
    """Return a cookie's full name: with the prefix, no other host and no plain HTTP can set it."""
    return f"__Host-{name}" if secure else name


def session_cookie(*, secure: bool) -> str:
    return host_cookie(_COOKIE, secure=secure)


def keep_session(response: Response, token: str, *, secure: bool) -> None:
    """Give the browser its session: for as long as it runs, for the server knows when it ends."""
    name = session_cookie(secure=secure)
    response.set_cookie(name, token, path="/", secure=secure, httponly=True, samesite="lax")


def drop_session(response: Response, *, secure: bool) -> None:
    response.delete_cookie(session_cookie(secure=secure), path="/", secure=secure, httponly=True, samesite="lax")
