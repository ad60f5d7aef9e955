"""`framegate login`, `logout` and `whoami`: a person at a terminal, who signs in with a browser (RFC 8252)."""

import base64
import hashlib
import json
import secrets
import sys
import time
import webbrowser
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit

import typer

from cli import credentials
from cli.errors import CommandError
from cli.tokens import Output

_WAIT_SECONDS = 300
_READ_SECONDS = 5
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER_SECONDS = 5
_DONE = b"<!doctype html><title>Framegate</title><p>Done. Go back to the terminal.</p>"

Url = Annotated[str, typer.Option(envvar="FRAMEGATE_URL", help="The control plane.")]
Show = Annotated[Output, typer.Option("--output", "-o", help="`json` prints all of it.")]


def login(
    url: Url = "http://localhost:8000",
    *,
    scope: Annotated[str, typer.Option(help="The scopes to ask for, parted by spaces; all unless said.")] = "",
    browser: Annotated[bool, typer.Option(help="Open a browser; else the address is only printed.")] = True,
    device: Annotated[bool, typer.Option("--device", help="Show a code to enter in a browser on any machine.")] = False,
) -> None:
    """Sign in with a browser, and keep the tokens in a file of one's own."""
    url = url.rstrip("/")
    found = _sign_in_elsewhere(url, scope) if device else _sign_in_here(url, scope, browser=browser)
    credentials.save(found)
    _say(f"Signed in, with the scopes {found.scope or 'none'}. The tokens are in {credentials.place()}.")


def _sign_in_here(url: str, scope: str, *, browser: bool) -> credentials.Credentials:
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    with _Callback() as server:
        redirect_uri = f"http://127.0.0.1:{server.server_port}/callback"
        address = f"{url}/oauth2/authorize?{_request(redirect_uri, verifier, state, scope)}"
        _say(f"Sign in at\n{address}")
        if browser:
            webbrowser.open(address)
        answer = server.wait()
    if answer.get("state") != state:
        raise CommandError("the answer is not to our question: begin again")
    if "code" not in answer:
        raise CommandError(f"not signed in: {answer.get('error_description') or answer.get('error', 'no code came')}")
    form = {"code": answer["code"], "redirect_uri": redirect_uri, "code_verifier": verifier}
    return credentials.ask(url, {"grant_type": "authorization_code", **form}, _now)


def _sign_in_elsewhere(url: str, scope: str) -> credentials.Credentials:
    """Poll until somebody has decided (RFC 8628, section 3.4). Raises `CommandError`."""
    asked = credentials.post(f"{url}/oauth2/device_authorization", {"scope": scope} if scope else {})
    try:
        device_code, interval = str(asked["device_code"]), float(asked["interval"])
        until = time.monotonic() + float(asked["expires_in"])
        _say(f"Open {asked['verification_uri']} in a browser on any machine, and enter the code\n{asked['user_code']}")
    except (KeyError, ValueError, TypeError) as error:
        raise CommandError(f"{url} did not answer as a device authorization endpoint does") from error
    form = {"grant_type": _DEVICE_CODE, "device_code": device_code}
    while time.monotonic() < until:
        time.sleep(interval)
        try:
            return credentials.ask(url, form, _now)
        except credentials.RefusedError as refused:
            if refused.error == "slow_down":
                interval += _SLOWER_SECONDS
            elif refused.error != "authorization_pending":
                raise CommandError(f"not signed in: {refused}") from refused
    raise CommandError("nobody entered the code in time")


def logout() -> None:
    """End the sign-in: its tokens are revoked, and their file is deleted."""
    found = credentials.load()
    try:
        credentials.post(f"{found.url}/oauth2/revoke", {"token": found.refresh_token})
    finally:
        credentials.forget()
    _say("Signed out.")


def whoami(output: Show = Output.text) -> None:
    """Print who is signed in, and what the sign-in may do."""
    found = credentials.current(_now)
    me = credentials.read(f"{found.url}/account/v1/me", found.access_token)
    if output is Output.json:
        print(json.dumps({"url": found.url, **me}))
        return
    print(f"{me.get('name')} at {found.url}")
    for name in ("roles", "scopes"):
        print(f"{name}: {', '.join(me.get(name) or ['none'])}")


class _Callback(HTTPServer):
    """Waits on a loopback port for the browser to come back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: dict[str, str] | None = None

    def wait(self) -> dict[str, str]:
        """Return what the browser brings. Raises `CommandError` where it doesn't come."""
        until = time.monotonic() + _WAIT_SECONDS
        while self.answer is None and (left := until - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
        if self.answer is None:
            raise CommandError(f"nobody signed in within {_WAIT_SECONDS} seconds")
        return self.answer


class _Handler(BaseHTTPRequestHandler):
    server: _Callback
    timeout = _READ_SECONDS

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        found = parts.path == "/callback"
        if found:
            self.server.answer = dict(parse_qsl(parts.query))
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_DONE) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(_DONE)

    def log_message(self, *_: object) -> None:
        """Say nothing: the address holds the code."""


def _request(redirect_uri: str, verifier: str, state: str, scope: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": credentials.CLIENT_ID,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"scope": scope} if scope else {}),
    }
    return urlencode(parameters)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the command's own clock


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
