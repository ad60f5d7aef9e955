"""The pages on which people sign in and decide: plain HTML, without scripts."""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from markupsafe import Markup

from services.control_plane.identity.sessions import SignedIn
from services.control_plane.portal.frame import content_policy, render

_NAME: Final = '<label>Name <input name="username" autocomplete="username" autofocus></label>\n'
_PROVE: Final = '<label>Password <input name="password" type="password" autocomplete="current-password"></label>\n'
_CHOOSE: Final = '<label>New password <input name="new_password" type="password" autocomplete="new-password"></label>\n'


def sign_in_page(*, sealed: str, error: str, status: int) -> HTMLResponse:
    return _form_page("Sign in", "/sign-in", _hidden("request", sealed) + _NAME + _PROVE, error, status)


def sign_up_page(*, sealed: str, error: str, status: int) -> HTMLResponse:
    return _form_page("Sign up", "/sign-up", _hidden("request", sealed) + _NAME + _CHOOSE, error, status)


def password_page(*, sealed: str, error: str, status: int) -> HTMLResponse:
    fields = _hidden("request", sealed) + _CHOOSE
    return _form_page("Choose a new password", "/sign-in/password", fields, error, status)


def account_page(visitor: SignedIn, error: str = "") -> HTMLResponse:
    """Show who is signed in, with the ways to another password and out."""
    hidden = _hidden("form_token", visitor.form_token)
    roles = ", ".join(sorted(visitor.principal.roles)) or "none"
    body = f"""<h1>{escape(visitor.principal.name)}</h1>
<p>Roles: {escape(roles)}</p>
{_form("/sign-out", hidden, "Sign out")}
<h2>Change the password</h2>
{_alert(error)}
{_form("/account/password", hidden + _PROVE + _CHOOSE, "Change")}"""
    return _page("Account", body, 403 if error else 200, form_action="'self'")


def consent_page(
    *,
    client: str,
    redirect_uri: str,
    scopes: Sequence[str],
    sealed: str,
    name: str = "",
    error: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Ask a person to allow or to deny, and to sign in for it where nobody is signed in."""
    asked = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
    body = f"""<h1>Allow access?</h1>
<p>The client <code>{escape(client)}</code> asks to act for you. You will be sent to
<code>{escape(_origin(redirect_uri))}</code>.</p>
{f"<p>It asks for:</p><ul>{asked}</ul>" if asked else ""}
{_alert(error)}
<form method="post">
<input type="hidden" name="request" value="{escape(sealed)}">
{f"<p>You are signed in as <strong>{escape(name)}</strong>.</p>" if name else _NAME + _PROVE}
<button name="decision" value="allow">{"Allow" if name else "Sign in and allow"}</button>
<button name="decision" value="deny">Deny</button>
</form>"""
    return _page("Allow access", body, status, form_action=f"'self' {_origin(redirect_uri)}")


def error_page(message: str, status: int = 400) -> HTMLResponse:
    """Tell a person what the client must not be told: nobody knows whether it is the client."""
    return _page("Not possible", f'<h1>Not possible</h1>\n<p role="alert">{escape(message)}</p>', status)


def _form_page(title: str, action: str, fields: str, error: str, status: int) -> HTMLResponse:
    body = f"<h1>{title}</h1>\n{_alert(error)}\n{_form(action, fields, title)}"
    return _page(title, body, status, form_action="'self'")


def _form(action: str, fields: str, button: str) -> str:
    return f'<form method="post" action="{action}">\n{fields}<button>{button}</button>\n</form>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">\n'


def _alert(error: str) -> str:
    return f'<p role="alert">{escape(error)}</p>' if error else ""


def _page(title: str, body: str, status: int, form_action: str = "'none'") -> HTMLResponse:
    policy = content_policy(form_action=form_action)
    return render("card.html", status, policy, title=title, body=Markup(body))  # noqa: S704 - escaped where it is made


def _origin(redirect_uri: str) -> str:
    """Return scheme, host and port. Browsers let a form's answer lead to where `form-action` names only."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}"
