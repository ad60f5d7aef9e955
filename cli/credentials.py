"""The tokens of whoever signed in: a file that its owner alone can read."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import typer
from pydantic import BaseModel, ValidationError

from cli.errors import CommandError
from cli.tokens import read_json

CLIENT_ID = "framegate-cli"

_TIMEOUT_SECONDS = 10
_EARLY = timedelta(seconds=30)
_OWNER_ALONE = 0o600


class Credentials(BaseModel):
    """What a sign-in gave, and where it counts."""

    url: str
    access_token: str
    refresh_token: str
    expires_at: datetime
    scope: str = ""


def place() -> Path:
    return Path(typer.get_app_dir("framegate"), "credentials.json")


def load() -> Credentials:
    """Return who is signed in. Raises `CommandError`."""
    try:
        return Credentials.model_validate_json(place().read_bytes())
    except FileNotFoundError as error:
        raise CommandError("nobody is signed in: framegate login") from error
    except (OSError, ValidationError) as error:
        raise CommandError(f"{place()} can't be read: framegate login makes it anew") from error


def save(credentials: Credentials) -> None:
    """Replace the file as a whole: nobody else can read it at any moment."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ALONE), "w") as file:
        file.write(credentials.model_dump_json())
    new.replace(path)


def forget() -> None:
    place().unlink(missing_ok=True)


def current(clock: Callable[[], datetime]) -> Credentials:
    """Return credentials whose access token is good now, refreshed if need be. Raises `CommandError`."""
    with _alone():  # a refresh token that is used twice ends the sign-in
        found = load()
        if clock() + _EARLY < found.expires_at:
            return found
        fresh = ask(found.url, {"grant_type": "refresh_token", "refresh_token": found.refresh_token}, clock)
        save(fresh)
        return fresh


def ask(url: str, form: Mapping[str, str], clock: Callable[[], datetime]) -> Credentials:
    """Return what the token endpoint answers to a grant. Raises `CommandError`."""
    answer = post(f"{url}/oauth2/token", form)
    try:
        expires_at = clock() + timedelta(seconds=int(answer["expires_in"]))
        return Credentials.model_validate({**answer, "url": url, "expires_at": expires_at})
    except (KeyError, ValueError) as error:
        raise CommandError(f"{url} did not answer as a token endpoint does") from error


class RefusedError(CommandError):
    """An OAuth endpoint says no, with an error of RFC 6749, section 5.2."""

    def __init__(self, words: str, error: str) -> None:
        super().__init__(words)
        self.error = error


def post(url: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Send a form as the command's client, and return the answer. Raises `CommandError`."""
    try:
        response = httpx.post(url, data={**form, "client_id": CLIENT_ID}, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"can't reach {url}: {error}") from error
    answer = read_json(response.content)
    if not response.is_success:
        words = [str(answer[key]) for key in ("error", "error_description") if key in answer]
        text = f"refused by {url}: HTTP {response.status_code} {': '.join(words)}".rstrip()
        raise RefusedError(text, str(answer.get("error", "")))
    return answer


def read(url: str, token: str) -> dict[str, Any]:
    """Return a resource of the REST API. Raises `CommandError`."""
    try:
        response = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"can't reach {url}: {error}") from error
    answer = read_json(response.content)
    if not response.is_success:
        words = [str(answer[key]) for key in ("title", "detail") if answer.get(key)]
        raise CommandError(f"refused by {url}: HTTP {response.status_code} {': '.join(words)}".rstrip())
    return answer


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other commands of this person waiting: no longer than one of them asks for a token."""
    path = place().with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
