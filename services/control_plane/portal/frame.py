"""Pages: templates, and the headers that hold browsers to what is in them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.control_plane.identity.scopes import ADMIN, PUBLISHER_READ, STORE_SUBSCRIBE
from services.control_plane.identity.sessions import SignedIn
from services.control_plane.portal.assets import asset_path
from services.control_plane.portal.forms import Visitor
from services.control_plane.portal.notes import NOTES
from services.control_plane.portal.words import DOCUMENT_TYPES

_SECTIONS: Final = (
    ("Publisher", "/publisher", PUBLISHER_READ),
    ("Store", "/store", None),
    ("Applications", "/applications", STORE_SUBSCRIBE),
    ("Admin", "/admin", ADMIN),
)


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _number(value: float) -> str:
    return f"{value:,}"


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["asset"] = asset_path
_ENVIRONMENT.globals["document_types"] = DOCUMENT_TYPES
_ENVIRONMENT.filters["moment"] = _moment
_ENVIRONMENT.filters["number"] = _number


class Frame:
    """What all pages share: who looks at them, and where."""

    def __init__(self, visitor: SignedIn | None, path: str, done: str | None = None) -> None:
        self._visitor = visitor
        self._path = path
        self._done = done

    def show(self, template: str, status: int = 200, /, *, connect: Sequence[str] = (), **context: Any) -> HTMLResponse:
        """Return a page. Its scripts may reach our own host, and the hosts in `connect`."""
        me = self._visitor.principal if self._visitor else None
        scopes = me.scopes if me else frozenset()
        sections = [
            (name, path, self._path == path or self._path.startswith(f"{path}/"))
            for name, path, scope in _SECTIONS
            if scope is None or scope in scopes
        ]
        shared = {
            "me": me,
            "scopes": scopes,
            "form_token": self._visitor.form_token if self._visitor else "",
            "sections": sections,
            "path": self._path,
            "note": NOTES.get(self._done or ""),
        }
        policy = content_policy(form_action="'self'", scripts=True, connect=connect)
        return render(template, status, policy, **shared, **context)


async def _frame(request: Request, visitor: Visitor) -> Frame:
    return Frame(visitor, request.url.path, request.query_params.get("done"))


PageFrame = Annotated[Frame, Depends(_frame)]


def render(template: str, status: int, content_security: str, /, **context: Any) -> HTMLResponse:
    headers = {
        "Content-Security-Policy": content_security,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # with none a browser would not tell us that a form is ours
        "Cache-Control": "no-store",
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(context), status, headers)


def fragment(template: str, /, **context: Any) -> str:
    """Return a part of a page."""
    return _ENVIRONMENT.get_template(template).render(context)


def content_policy(*, form_action: str, scripts: bool = False, connect: Sequence[str] = ()) -> str:
    """Return a policy (CSP) that allows our own files alone: nothing inline, no eval, no other host."""
    parts = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",  # Pico's icons stand in its style sheet
        *(["script-src 'self'", " ".join(["connect-src 'self'", *connect])] if scripts else []),
        f"form-action {form_action}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    return "; ".join(parts)
