"""The consent page: plain HTML, without scripts."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;padding:.5rem;font:inherit}"
    "button{padding:.5rem 1.5rem;margin:1rem 1rem 0 0;font:inherit}[role=alert]{color:#a00}code{overflow-wrap:anywhere}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def consent_page(
    *, client: str, redirect_uri: str, scopes: Sequence[str], sealed: str, error: str = "", status: int = 200
) -> HTMLResponse:
    """Ask a person to sign in, and to allow or to deny."""
    asked = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
    body = f"""<h1>Allow access?</h1>
<p>The client <code>{escape(client)}</code> asks to act for you. You will be sent to
<code>{escape(_origin(redirect_uri))}</code>.</p>
{f"<p>It asks for:</p><ul>{asked}</ul>" if asked else ""}
{f'<p role="alert">{escape(error)}</p>' if error else ""}
<form method="post">
<input type="hidden" name="request" value="{escape(sealed)}">
<label>Name <input name="username" autocomplete="username" autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button name="decision" value="allow">Sign in and allow</button><button name="decision" value="deny">Deny</button>
</form>"""
    return _page("Allow access", body, status, form_action=f"'self' {_origin(redirect_uri)}")


def error_page(message: str, status: int = 400) -> HTMLResponse:
    """Tell a person what the client must not be told: nobody knows whether it is the client."""
    return _page("Not possible", f'<h1>Not possible</h1>\n<p role="alert">{escape(message)}</p>', status)


def _page(title: str, body: str, status: int, form_action: str = "'none'") -> HTMLResponse:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    html = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>
<style>{_STYLE}</style></head>
<body>
{body}
</body>
</html>
"""
    return HTMLResponse(html, status, headers)


def _origin(redirect_uri: str) -> str:
    """Return scheme, host and port. Browsers let a form's answer lead to where `form-action` names only."""
    parts = urlsplit(redirect_uri)
    return f"{parts.scheme}://{parts.netloc}"
