"""Access tokens by `client_credentials`, for `framegate token` and for the commands that fetch their own."""

import json
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from cli.errors import CommandError

_TIMEOUT_SECONDS = 10

ClientId = Annotated[str, typer.Option(envvar="FRAMEGATE_CLIENT_ID", help="The consumer key.")]
ClientSecret = Annotated[
    str,
    typer.Option(
        envvar="FRAMEGATE_CLIENT_SECRET",
        help="The consumer secret. Others on the machine can see options: rather use the variable.",
    ),
]
TokenUrl = Annotated[str, typer.Option(envvar="FRAMEGATE_TOKEN_URL", help="The token endpoint.")]

DEFAULT_TOKEN_URL = "http://localhost:8000/oauth2/token"  # noqa: S105 - an address


class Output(StrEnum):
    text = "text"
    json = "json"


def show(
    client_id: ClientId,
    client_secret: ClientSecret,
    token_url: TokenUrl = DEFAULT_TOKEN_URL,
    scope: Annotated[str, typer.Option(help="The scopes to ask for, parted by spaces.")] = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="`json` prints all of the answer.")] = Output.text,
) -> None:
    """Fetch an access token and print it."""
    answer = fetch(token_url, client_id, client_secret, scope)
    print(json.dumps(answer) if output is Output.json else answer["access_token"])


def fetch(token_url: str, client_id: str, client_secret: str, scope: str = "") -> dict[str, Any]:
    """Return the answer of the token endpoint (RFC 6749, section 4.4.3)."""
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    # RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined. A space as %20 is right for all.
    auth = httpx.BasicAuth(quote(client_id, safe=""), quote(client_secret, safe=""))
    try:
        response = httpx.post(token_url, data=form, auth=auth, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"can't fetch a token from {token_url}: {error}") from error
    answer = read_json(response.content)
    if response.is_success and isinstance(answer.get("access_token"), str):
        return answer
    words = [str(answer[key]) for key in ("error", "error_description") if key in answer]
    raise CommandError(f"no token from {token_url}: HTTP {response.status_code} {': '.join(words)}".rstrip())


def read_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds, empty where it holds none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
