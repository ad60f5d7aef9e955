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
_DECIDE: Final = (
    '<button name="decision" value="allow">{allow}</button>\n<button name="decision" value="deny">Deny</button>'
)
_CHOOSE: Final = '<label>New password <input name="new_password" type="password" autocomplete="new-password"></label>\n'


def sign_in_page(*, sealed: str, error: str, status: int, elsewhere: tuple[str, str] | None) -> HTMLResponse:
    fields = _hidden("request", sealed) + _NAME + _PROVE
    return _form_page("Sign in", "/sign-in", fields, error, status, below=_way(elsewhere))


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
    manages: bool = False,
    name: str = "",
    elsewhere: tuple[str, str] | None = None,
    error: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Ask a person to allow or to deny, and to sign in for it where nobody is signed in."""
    asking = "It asks for what you may do of this:" if manages and not name else "It asks for:"
    body = f"""<h1>Allow access?</h1>
<p>The client <code>{escape(client)}</code> asks to act for you. You will be sent to
<code>{escape(_origin(redirect_uri))}</code>.</p>
{_asked(asking, scopes)}
{_alert(error)}
<form method="post">
<input type="hidden" name="request" value="{escape(sealed)}">
{f"<p>You are signed in as <strong>{escape(name)}</strong>.</p>" if name else _NAME + _PROVE}
{_DECIDE.format(allow="Allow" if name else "Sign in and allow")}
</form>
{"" if name else _way(elsewhere)}"""
    return _page("Allow access", body, status, form_action=f"'self' {_origin(redirect_uri)}")


def device_page(visitor: SignedIn, *, user_code: str, error: str = "") -> HTMLResponse:
    """Ask for the code that a device shows."""
    fields = _hidden("form_token", visitor.form_token) + _code_field(user_code)
    return _form_page("Sign in at a device", "/device", fields, error, 403 if error else 200)


def device_consent_page(visitor: SignedIn, *, client: str, scopes: Sequence[str], user_code: str) -> HTMLResponse:
    """Ask a person to allow or to deny what a device asks for."""
    body = f"""<h1>Allow access?</h1>
<p>A device that shows the code <strong>{escape(user_code.upper())}</strong> asks to act for you, as the client
<code>{escape(client)}</code>. Deny it unless you began this yourself, at a device that you have before you.</p>
{_asked("It asks for:", scopes)}
<form method="post" action="/device">
{_hidden("form_token", visitor.form_token)}{_hidden("user_code", user_code)}
<p>You are signed in as <strong>{escape(visitor.principal.name)}</strong>.</p>
{_DECIDE.format(allow="Allow")}
</form>"""
    return _page("Allow access", body, 200, form_action="'self'")


def notice_page(title: str, text: str) -> HTMLResponse:
    return _page(title, f"<h1>{title}</h1>\n<p>{text}</p>", 200)


def error_page(message: str, status: int = 400) -> HTMLResponse:
    """Tell a person what the client must not be told: nobody knows whether it is the client."""
    return _page("Not possible", f'<h1>Not possible</h1>\n<p role="alert">{escape(message)}</p>', status)


def _form_page(title: str, action: str, fields: str, error: str, status: int, below: str = "") -> HTMLResponse:
    body = f"<h1>{title}</h1>\n{_alert(error)}\n{_form(action, fields, title)}\n{below}"
    return _page(title, body, status, form_action="'self'")


def _form(action: str, fields: str, button: str) -> str:
    return f'<form method="post" action="{action}">\n{fields}<button>{button}</button>\n</form>'


def _asked(words: str, scopes: Sequence[str]) -> str:
    items = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
    return f"<p>{words}</p><ul>{items}</ul>" if items else ""


def _code_field(user_code: str) -> str:
    return f'<label>Code <input name="user_code" value="{escape(user_code)}" autocomplete="off" autofocus></label>\n'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">\n'


def _way(elsewhere: tuple[str, str] | None) -> str:
    """Return the button that leads to an OpenID provider: a link, for a form may lead nowhere but here."""
    if elsewhere is None:
        return ""
    name, place = elsewhere
    return f'<p><a class="button" href="{escape(place)}">Sign in with {escape(name)}</a></p>'


def _alert(error: str) -> str:
    return f'<p role="alert">{escape(error)}</p>' if error else ""


def _page(title: str, body: str, status: int, form_action: str = "'none'") -> HTMLResponse:
    policy = content_policy(form_action=form_action)
    return render("card.html", status, policy, title=title, body=Markup(body))  # noqa: S704 - escaped where it is made


def _origin(redirect_uri: str) -> str:
    """Return scheme, host and port. Browsers let a form's answer lead to where `form-action` names only."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}"
