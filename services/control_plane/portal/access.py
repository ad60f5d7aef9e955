"""Who may see a page, and that a form comes from one of ours."""

from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from services.control_plane.identity.dependencies import check_platform
from services.control_plane.identity.principal import Principal
from services.control_plane.identity.scopes import (
    ADMIN,
    PUBLISHER_PUBLISH,
    PUBLISHER_READ,
    PUBLISHER_WRITE,
    STORE_SUBSCRIBE,
)
from services.control_plane.identity.sessions import SignedIn
from services.control_plane.kit.problems import ForbiddenError, InvalidError
from services.control_plane.kit.unit_of_work import Unit
from services.control_plane.portal.fields import MAX_FIELDS, Fields
from services.control_plane.portal.forms import FORM_TOKEN, Visitor, check_form, is_own

_MAY: Final = {
    PUBLISHER_READ: "see the Publisher",
    PUBLISHER_WRITE: "change APIs",
    PUBLISHER_PUBLISH: "publish APIs",
    STORE_SUBSCRIBE: "subscribe to APIs",
    ADMIN: "administer",
}

_WITH_FILES: Final = "multipart/form-data"


class SignInNeededError(Exception):
    """Nobody is signed in. `place` is where to go on afterwards."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


async def _require_visitor(request: Request, visitor: Visitor) -> SignedIn:
    if visitor is None:
        raise SignInNeededError(_place(request))
    return visitor


SomeVisitor = Annotated[SignedIn, Depends(_require_visitor)]


def check_scope(visitor: SignedIn | None, scope: str) -> Principal:
    """Return who is signed in. Raises `ForbiddenError` for one without the scope, and where the session is over."""
    if visitor is None or scope not in visitor.principal.scopes:
        raise ForbiddenError(f"You may not {_MAY[scope]}. Ask an administrator for a role with the scope {scope}.")
    return visitor.principal


class Needs:
    """A dependency: who is signed in, and must have a scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    async def __call__(self, visitor: SomeVisitor, unit: Unit) -> Principal:
        unit.act_for(visitor.principal.account_id, visitor.principal.organisation)
        return check_scope(visitor, self._scope)


async def _require_operator(administrator: Annotated[Principal, Depends(Needs(ADMIN))], unit: Unit) -> Principal:
    check_platform(administrator)
    unit.see_all()
    return administrator


async def _find_guest(visitor: Visitor, unit: Unit) -> Principal | None:
    if visitor is None:
        return None
    unit.act_for(visitor.principal.account_id, visitor.principal.organisation)
    return visitor.principal


async def _read_sent(request: Request, visitor: SomeVisitor) -> Fields:
    """Return what a form of this very session brings. Raises `ForbiddenError`."""
    if not is_own(request.headers):
        raise ForbiddenError("The form comes from another site.")
    fields = await _read_fields(request)
    check_form(visitor, {FORM_TOKEN: fields.text(FORM_TOKEN)})
    return fields


async def _read_fields(request: Request) -> Fields:
    if not request.headers.get("content-type", "").lower().startswith(_WITH_FILES):
        return Fields.read(await request.body())
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        pairs = [(name, await _text_of(value)) for name, value in form.multi_items()]
    return Fields(pairs)


async def _text_of(value: UploadFile | str) -> str:
    """Return a field's text. A file is one of text. Raises `InvalidError`."""
    try:
        return value if isinstance(value, str) else (await value.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidError("The file is not of text (UTF-8).") from error


Guest = Annotated[Principal | None, Depends(_find_guest)]
Reader = Annotated[Principal, Depends(Needs(PUBLISHER_READ))]
Creator = Annotated[Principal, Depends(Needs(PUBLISHER_WRITE))]
Publisher = Annotated[Principal, Depends(Needs(PUBLISHER_PUBLISH))]
Subscriber = Annotated[Principal, Depends(Needs(STORE_SUBSCRIBE))]
Administrator = Annotated[Principal, Depends(Needs(ADMIN))]
Operator = Annotated[Principal, Depends(_require_operator)]
Sent = Annotated[Fields, Depends(_read_sent)]


def sign_in_path(place: str) -> str:
    return f"/sign-in?next={quote(place, safe='/')}"


def _place(request: Request) -> str:
    """Return the page to come back to: of a form, the page that it stood on."""
    if request.method in ("GET", "HEAD"):
        query = request.url.query
        return f"{request.url.path}?{query}" if query else request.url.path
    before = urlsplit(request.headers.get("referer", ""))
    return before.path if before.netloc == request.headers.get("host") and before.path else "/"
