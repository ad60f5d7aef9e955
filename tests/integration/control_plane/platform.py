"""What the tests of the control plane speak with."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from redis import Redis

from services.control_plane.catalogue import repository as catalogue
from services.control_plane.catalogue.pusher import Pusher
from services.control_plane.kit.clock import system_clock
from services.control_plane.kit.database import Database
from services.control_plane.settings import Settings
from shared import keys
from shared.catalogue import KINDS, Mark, digest_objects

T = TypeVar("T")

CLIENT_ID: Final = "bootstrap"
CLIENT_SECRET: Final = "a secret of the tests + its % signs"

ECHO: Final[dict[str, Any]] = {
    "name": "EchoWebSocket",
    "context": "/echowebsocket",
    "version": "1.0",
    "endpoints": {"production": {"urls": ["ws://127.0.0.1:9"]}},
    "policies": ["Gold"],
}


on_sqlite = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
"""Run a test on SQLite alone: what it asks never comes as far as the database."""


class BentClock:
    """The real time, until a test moves it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self._ahead

    def move(self, **by: float) -> None:
        self._ahead += timedelta(**by)


@dataclass
class Platform:
    """A running control plane and a client of it."""

    app: FastAPI
    settings: Settings
    client: httpx.AsyncClient
    clock: BentClock

    def get(self, kind: type[T]) -> T:
        """Return an object of the application."""
        return cast("T", self.app.state.provided[kind])

    @property
    def database(self) -> Database:
        return self.get(Database)

    async def sign_in(self, client_id: str, secret: str, scope: str | None = None) -> str:
        """Speak for this client from now on, and return the token."""
        token = await self.fetch_token(client_id, secret, scope)
        self.client.headers["Authorization"] = f"Bearer {token}"
        return token

    async def fetch_token(self, client_id: str, secret: str, scope: str | None = None) -> str:
        form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        auth = httpx.BasicAuth(quote(client_id), quote(secret))
        response = await self.client.post("/oauth2/token", data=form, auth=auth)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    @asynccontextmanager
    async def account(
        self, name: str, *scopes: str, roles: tuple[str, ...] = (), organisation: str = "default"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Make a service account, and yield a client that speaks for it."""
        body = {"name": name, "scopes": list(scopes), "roles": list(roles), "organisation": organisation}
        made = await self.made("/admin/v1/service-accounts", body)
        token = await self.fetch_token(made["client_id"], made["client_secret"])
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://control-plane",
            headers={"Authorization": f"Bearer {token}"},
            event_hooks=self.client.event_hooks,
        ) as client:
            yield client

    async def made(self, path: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
        """POST, and return what was made."""
        response = await self.client.post(path, json=body)
        assert response.status_code == status, response.text
        made: dict[str, Any] = response.json()
        return made

    async def make_api(self, **changes: Any) -> dict[str, Any]:
        return await self.made("/publisher/v1/apis", {**ECHO, **changes})

    async def act(self, api: dict[str, Any], *actions: str) -> None:
        """Take an API through its lifecycle."""
        for action in actions:
            await self.made(f"/publisher/v1/apis/{api['id']}/lifecycle", {"action": action}, 200)

    async def publish_api(self, **changes: Any) -> dict[str, Any]:
        api = await self.make_api(**changes)
        await self.act(api, "publish")
        return api

    async def make_application(self, name: str = "App", **changes: Any) -> dict[str, Any]:
        return await self.made("/store/v1/applications", {"name": name, **changes})

    async def subscribe(self, application: dict[str, Any], api: dict[str, Any], policy: str = "Gold") -> dict[str, Any]:
        body = {"application_id": application["id"], "api_id": api["id"], "policy": policy}
        return await self.made("/store/v1/subscriptions", body)

    async def read(self, path: str, **params: Any) -> Any:
        response = await self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def catalogue(self, redis: "Redis") -> dict[str, dict[str, str]]:
        """Return what the pods find, by kind, once all that is committed was pushed and agrees with SQL."""
        assert self.get(Pusher).flush(5)
        stored = {kind: cast("dict[str, str]", redis.hgetall(keys.catalogue_objects(kind))) for kind in KINDS}
        mark = Mark.read(cast("dict[str, str]", redis.hgetall(keys.CATALOGUE_STATE)))
        with self.database.reading() as session:
            assert mark == catalogue.get_state(session).mark
        assert mark is not None
        assert mark.digest == digest_objects(
            (k, i, body) for k, objects in stored.items() for i, body in objects.items()
        )
        return stored


Start = Callable[..., AbstractAsyncContextManager[Platform]]


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Return a problem document, which must be of this kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"/problems/{slug}", document
    assert document["status"] == status
    return document


def fields(response: httpx.Response) -> dict[str, str]:
    """Return the messages of a 422 by field."""
    return {error["field"]: error["message"] for error in problem(response, 422, "invalid")["errors"]}
