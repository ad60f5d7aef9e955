"""The REST API for commands: who calls, and what is wrong in words."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli import credentials, tokens
from cli.errors import CommandError

_TIMEOUT_SECONDS = 60  # an endpoint's test opens connections
_PAGE = 100
_UNAUTHORIZED = 401


class RestSettings(BaseSettings):
    """Who calls, and where: a client, or else whoever signed in with `framegate login`."""

    model_config = SettingsConfigDict(env_prefix="FRAMEGATE_", extra="ignore")

    url: str = "http://localhost:8000"
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")


class RestError(CommandError):
    """What the REST API refuses, with the fields that it names."""

    def __init__(self, message: str, fields: list[tuple[str, str]]) -> None:
        super().__init__("\n".join([message, *(f"  {field}: {said}" for field, said in fields)]))
        self.message = message
        self.fields = fields


class Rest:
    """A client of the REST API, whose errors say what the problem document says."""

    def __init__(self, url: str, token: str, *, trust_env: bool = True) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=trust_env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: object = None, **params: Any) -> Any:
        """Return what a request answers. Raises `RestError`, and `CommandError` where nobody answers."""
        try:
            response = self._client.request(method, path, json=body, params=params)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandError(
                f"{method} {self._client.base_url.join(path)}: {str(error) or type(error).__name__}"
            ) from error
        if not response.is_success:
            raise _refusal(f"{method} {path}", response)
        return response.json() if response.content else None

    def stream(self, path: str, **params: Any) -> Iterator[Any]:
        """Yield what each line of an answer holds, as it comes. Raises as `ask` does."""
        try:
            with self._client.stream("GET", path, params=params) as response:
                if not response.is_success:
                    response.read()
                    raise _refusal(f"GET {path}", response)
                for line in response.iter_lines():
                    yield json.loads(line)
        except (httpx.HTTPError, ValueError) as error:
            raise CommandError(
                f"GET {self._client.base_url.join(path)}: {str(error) or type(error).__name__}"
            ) from error

    def list_items(self, path: str, most: int | None = None, **params: Any) -> tuple[list[dict[str, Any]], int]:
        """Return the items of a list, at most so many, and how many there are."""
        items: list[dict[str, Any]] = []
        total = 1
        while len(items) < (total if most is None else min(total, most)):
            page = self.ask("GET", path, limit=_PAGE, offset=len(items), **params)
            if isinstance(page, list):  # a list without pages
                return page[:most], len(page)
            items += page["items"]
            total = page.get("total", len(items)) if page["items"] else len(items)
        return items[:most], total

    def find(self, path: str, name: str) -> list[dict[str, Any]]:
        """Return the resources of a list that have this name."""
        return [item for item in self.list_items(path, q=name[:_PAGE])[0] if item["name"] == name]


def sign_in() -> Rest:
    """Return a client for whom the settings name, or for whoever signed in. Raises `CommandError`."""
    settings = RestSettings()
    if settings.client_id:
        return sign_in_as(settings.url.rstrip("/"), settings.client_id, settings.client_secret.get_secret_value())
    found = credentials.current(lambda: datetime.now(UTC))  # noqa: TID251 - the command's own clock
    url = settings.url.rstrip("/")
    if "url" in settings.model_fields_set and url != found.url.rstrip("/"):
        raise CommandError(
            f"signed in at {found.url}, but FRAMEGATE_URL is {url}: framegate login --url {url}, or unset FRAMEGATE_URL"
        )
    return Rest(found.url, found.access_token)


def sign_in_as(url: str, client_id: str, client_secret: str, *, trust_env: bool = True) -> Rest:
    """Return a client with all the scopes that it may have. Raises `CommandError`."""
    token = tokens.fetch(f"{url}/oauth2/token", client_id, client_secret)["access_token"]
    return Rest(url, token, trust_env=trust_env)


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def _refusal(request: str, response: httpx.Response) -> RestError:
    document = tokens.read_json(response.content)
    words = [str(document[key]) for key in ("title", "detail") if document.get(key)]
    message = f"{request}: HTTP {response.status_code} {': '.join(words)}".rstrip()
    if response.status_code == _UNAUTHORIZED:
        message += "\n  framegate login, or FRAMEGATE_CLIENT_ID and FRAMEGATE_CLIENT_SECRET, say who calls"
    errors = document.get("errors")
    fields = [(str(item.get("field")), str(item.get("message"))) for item in errors] if isinstance(errors, list) else []
    return RestError(message, fields)
