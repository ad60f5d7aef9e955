"""The sample API, made through the public REST as anybody would."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from cli import tokens
from cli.errors import CommandError

NAME, CONTEXT, VERSION = "EchoWebSocket", "/echowebsocket", "1.0"
APPLICATION, POLICY = "DefaultApplication", "Gold"
SCOPES = "publisher:read publisher:write publisher:publish store:subscribe"

_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Key:
    """What a consumer gets for one key type."""

    consumer_key: str
    consumer_secret: str
    token: str


@dataclass(frozen=True, slots=True)
class Backends:
    production: str
    sandbox: str


def set_up(base_url: str, client_id: str, client_secret: str, backends: Backends) -> dict[str, Key]:
    """Publish the API, subscribe to it, and return its keys by type."""
    with _Rest(base_url, client_id, client_secret) as rest:
        api = rest.post(
            "/publisher/v1/apis",
            {
                "name": NAME,
                "context": CONTEXT,
                "version": VERSION,
                "description": "Sends every message back.",
                "endpoints": {"production": {"urls": [backends.production]}, "sandbox": {"urls": [backends.sandbox]}},
                "policies": [POLICY],
            },
        )
        rest.post(f"/publisher/v1/apis/{api['id']}/lifecycle", {"action": "publish"})
        application = rest.find("/store/v1/applications", APPLICATION)
        rest.post(
            "/store/v1/subscriptions",
            {"application_id": application["id"], "api_id": api["id"], "policy": POLICY},
        )
        return {kind: _make_key(rest, application["id"], kind) for kind in ("PRODUCTION", "SANDBOX")}


def _make_key(rest: "_Rest", application_id: str, kind: str) -> Key:
    made = rest.post(f"/store/v1/applications/{application_id}/keys", {"key_type": kind})
    return Key(made["consumer_key"], made["consumer_secret"], made["token"]["access_token"])


class _Rest:
    """A client of the management API, whose errors say what the problem document says."""

    def __init__(self, base_url: str, client_id: str, client_secret: str) -> None:
        token = tokens.fetch(f"{base_url}/oauth2/token", client_id, client_secret, SCOPES)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=base_url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, json=body)

    def find(self, path: str, name: str) -> dict[str, Any]:
        for item in self._ask("GET", path, params={"q": name})["items"]:
            if item["name"] == name:
                found: dict[str, Any] = item
                return found
        raise CommandError(f"GET {path}: there is no {name}")

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise CommandError(f"{method} {path}: {error}") from error
        if response.is_success:
            return tokens.read_json(response.content)
        raise CommandError(f"{method} {path}: HTTP {response.status_code} {response.text}")
